"""On what a run ran: what it would take to repeat it."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bakeoff.data.dataset import Dataset
from bakeoff.spec import codec
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from bakeoff.training.device import Device
from bakeoff.version import ROOT, __version__

__all__ = ["describe", "versions"]

_LIBRARIES = (
    *("torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn"),
    *("onnxruntime", "openvino"),
)


def describe(
    recipe: Recipe,
    dataset: Dataset,
    device: Device,
    *,
    seed: int,
    budget: Budget | None = None,
    processes: int = 1,
) -> dict[str, Any]:
    """Everything a result depends on but for the pictures themselves."""
    return {
        "bakeoff": __version__,
        "code": _code_digest(),
        "recipe": codec.digest(recipe),
        "data": {
            "name": dataset.name,
            "digest": dataset.digest,
            "classes": list(dataset.classes),
            "plan": codec.encode(dataset.plan),
            "sizes": {name: len(part) for name, part in dataset.split.parts().items()},
            **({"shards": True} if dataset.shards is not None else {}),
        },
        "seed": seed,
        "budget": None if budget is None else asdict(budget),
        "device": {
            "place": str(device.place),
            "dtype": str(device.dtype).removeprefix("torch."),
            "threads": device.threads,
            "channels_last": device.channels_last,
            "processes": processes,
            "reasons": list(device.reasons),
        },
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
    }


def versions() -> dict[str, str]:
    """What two machines must have in common for a run to be the same on both."""
    found = {name: found for name in _LIBRARIES if (found := _version(name))}
    return {"Python": platform.python_version(), "Bakeoff": __version__, **found} | {
        "Bakeoff's code": _code_digest()[:12]
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _code_digest() -> str:
    """SHA-256 of this package's own modules."""
    told = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        told.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return told.hexdigest()
