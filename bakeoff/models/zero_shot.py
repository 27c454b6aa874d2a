"""CLIP's zero-shot classifier: nothing is fitted; the classes are described to it in words.

Its picture tower is a frozen backbone like any other. Its word tower is needed once, to turn the
names of the classes into the rows of the last layer; afterwards neither it nor its library is.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import torch
from torch.nn import functional

from bakeoff.data.progress import Progress, silent
from bakeoff.models import weights
from bakeoff.models.backbones import features_of
from bakeoff.models.catalogue import entry
from bakeoff.models.fitted import FittedHead
from bakeoff.models.pulling import pull
from bakeoff.models.torchvision_guard import import_torchvision
from bakeoff.models.weights import WeightsFile
from bakeoff.spec.errors import DataError, MissingExtraError, SpecError, one_of
from bakeoff.spec.estimator import Estimator, ZeroShot
from bakeoff.spec.network import Backbone

__all__ = ["SEEN_NOTE", "fit", "ready"]

SEEN_NOTE = (
    "it has seen web data: pictures like these, test pictures perhaps among them, may have been "
    "in its training"
)
"""What every result of a zero-shot classifier with trained weights says."""

_BOTH = "open_clip_model.safetensors"
"""Holds both towers, beside the file of the picture tower alone."""

_SIMPLE = {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"}
"""What the configuration of a plain CLIP consists of."""


def ready(declared: Estimator, *, progress: Progress = silent) -> None:
    """See to it that the words can be had, before anything else takes time. May download."""
    method, backbone = _parts(declared)
    _refuse_strangers(_configuration(method), method, backbone)
    _file(backbone, progress)


def fit(
    head: FittedHead,
    names: Sequence[str],
    *,
    seed: int,
    device: torch.device,
    progress: Progress = silent,
) -> None:
    """Give `head` one row per class, from the names of the classes."""
    assert len(names) == head.classes
    method, backbone = _parts(head.declared)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _both_towers(method, _file(backbone, progress)).to(device)
    tokens = _open_clip().get_tokenizer(method.model)
    rows = []
    progress("describing classes", 0, len(names), "classes")
    with torch.inference_mode():
        for done, name in enumerate(names, start=1):
            said = [prompt.replace("{}", _spoken(name)) for prompt in method.prompts]
            meanings = model.encode_text(tokens(said).to(device), normalize=True)
            rows.append(functional.normalize(meanings.mean(0), dim=0))
            progress("describing classes", done, len(names), "classes")
        texts = torch.stack(rows) * model.logit_scale.exp()
    seen = len(model.visual.proj)
    head.take(
        {"mean": torch.zeros(seen), "factor": torch.ones(seen), "directions": torch.empty(0)},
        {"projection": model.visual.proj.detach().clone(), "texts": texts.clone()},
    )
    head.to(device)


def _spoken(name: str) -> str:
    """The name of a class as a person would say it, not as a folder is called."""
    return " ".join(name.replace("_", " ").split())


def _parts(declared: Estimator) -> tuple[ZeroShot, Backbone]:
    assert isinstance(declared.method, ZeroShot)
    assert isinstance(declared.inputs, Backbone)
    return declared.method, declared.inputs


def _open_clip() -> ModuleType:
    import_torchvision()
    try:
        return importlib.import_module("open_clip")
    except ModuleNotFoundError as error:
        if error.name != "open_clip":
            raise
        raise MissingExtraError("zero-shot CLIP", "clip") from error


def _configuration(method: ZeroShot) -> dict[str, Any]:
    found: dict[str, Any] | None = _open_clip().get_model_config(method.model)
    if found is None:
        known = _open_clip().list_models()
        rule = "must be a model that open_clip knows"
        raise SpecError("ZeroShot.model", rule, method.model, one_of(method.model, known))
    vision = found["vision_cfg"]
    borrowed = "timm_model_name" in vision or "hf_model_name" in found["text_cfg"]
    # A residual network has one number of layers per stage.
    if set(found) - _SIMPLE or borrowed or not isinstance(vision["layers"], int):
        raise SpecError(
            "ZeroShot.model",
            "must be a plain CLIP whose picture tower is a vision transformer",
            method.model,
            "Try 'ViT-B-32-quickgelu' or 'ViT-B-16-quickgelu'.",
        )
    if found["embed_dim"] != method.width:
        rule = f"must be {found['embed_dim']} for {method.model}"
        raise SpecError("ZeroShot.width", rule, method.width)
    return found


def _refuse_strangers(configuration: dict[str, Any], method: ZeroShot, backbone: Backbone) -> None:
    """Both towers have to be of one model: their weights were made together."""
    seen = features_of(replace(backbone, size=backbone.size or entry(backbone.name).size))
    # timm says by the name which of two activations a tower has.
    quick = "quickgelu" in backbone.name
    vision = configuration["vision_cfg"]
    if seen != (vision["width"],) or quick != configuration.get("quick_gelu", False):
        rule = f"must be the model whose picture tower is {backbone.name}"
        raise SpecError("ZeroShot.model", rule, method.model)


def _file(backbone: Backbone, progress: Progress) -> WeightsFile | None:
    known = entry(backbone.name)
    if backbone.weights != "pretrained":
        return weights.find(known, backbone.weights)
    try:
        path = pull(known, file=_BOTH, progress=progress)
    except DataError as error:
        place = f" of {known.hub}" if known.hub else ""
        raise DataError(
            error.field,
            error.rule,
            suggestion=f"Fetch the file {_BOTH}{place} where there is a network and pass it with "
            "--weights FILE: it holds the towers for pictures and for words.",
        ) from error
    file = weights.find(known, str(path))
    assert file is not None
    return replace(file, published=True)


def _both_towers(method: ZeroShot, file: WeightsFile | None) -> Any:
    configuration = _configuration(method)
    # Not by open_clip's own factory, which opens pickled files and logs to the root.
    model = _open_clip().CLIP(**configuration).eval().requires_grad_(False)
    if file is not None:
        weights.load(model, file, unused=(), name=method.model)
    return model
