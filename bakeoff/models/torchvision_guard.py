"""torchvision beside a torch it was not built for.

Plain package indexes carry torchvision built for CUDA. Beside a CPU build of torch its compiled
part does not load, so two operators stay undefined and `import torchvision` fails on them, although
nothing of ours calls either. Defining them (by name only) lets the rest load: models, transforms
and everything that is written in Python. What stays broken is torchvision's own picture decoding
and its box operators, which Bakeoff does not use.

Here, in models/, because only backbones need torchvision; import it through here before timm.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import torch

__all__ = ["import_torchvision", "mixed"]

_OPERATOR = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_definitions: list[torch.library.Library] = []
"""Kept: the operators go when their library object does."""


def import_torchvision() -> ModuleType:
    """torchvision, with its missing operators defined where it was built for another torch."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error) or _definitions:
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    _definitions.append(library)
    for operator in ("nms", "qnms"):
        library.define(operator + _OPERATOR)  # type: ignore[no-untyped-call]
    return importlib.import_module("torchvision")


def mixed() -> bool:
    """Whether the operators had to be defined."""
    return bool(_definitions)
