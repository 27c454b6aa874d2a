"""timm's models as feature extractors: made from declarations, checked beforehand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.data.progress import Progress, silent
from bakeoff.models import weights
from bakeoff.models.blocks import Block, blocks, still
from bakeoff.models.catalogue import Entry, Interpolation, Metadata, entry, timm
from bakeoff.models.shapes import Shape
from bakeoff.models.stems import widen_stem
from bakeoff.models.weights import WeightsFile
from bakeoff.spec.errors import DataError, SpecError
from bakeoff.spec.network import Backbone

__all__ = ["Extractor", "create", "features_of", "metadata", "settled"]

_SIZES = (32, 48, 64, 75, 96, 112, 128, 160, 192, 224, 256, 299, 320, 384, 448, 512)
"""Sizes worth suggesting."""


class Extractor(nn.Module):
    """A timm model without its classifier: normalised pictures in, features out."""

    def __init__(
        self, model: Any, backbone: Backbone, *, shape: Shape, interpolation: Interpolation
    ) -> None:
        super().__init__()
        assert backbone.size is not None
        self.model = model
        self.declared = backbone
        self.size = backbone.size
        self.interpolation = interpolation
        """How pictures are brought to that size: as its makers did."""
        self.random_weights = True
        """Whether what it holds was never trained."""
        self.shape = shape
        """Of the features of one picture: a vector, or channels, height and width."""
        self.blocks: tuple[Block, ...] = blocks(model)
        self._still: tuple[nn.Module, ...] = ()

    @property
    def channels_last(self) -> bool:
        """Whether a `whole` of four dimensions is B×H×W×C."""
        return getattr(self.model, "output_fmt", "NCHW") == "NHWC"

    def forward(self, pictures: Tensor) -> Tensor:
        return self.finished(self.whole(pictures))

    def whole(self, pictures: Tensor) -> Tensor:
        """Features before they are pooled, as the model has them: a map, or tokens."""
        whole: Tensor = self.model.forward_features(pictures)
        return whole

    def finished(self, whole: Tensor) -> Tensor:
        """The features that `whole` becomes: pooled, or as a map."""
        return _finished(self.model, whole, self.declared.pool)

    def settle_modes(self) -> None:
        """Have modules whose parameters are all frozen infer from now on, and no others."""
        self._still = tuple(still(self.model))
        self.train(self.training)

    def train(self, mode: bool = True) -> Extractor:
        super().train(mode)
        for module in self._still:
            module.eval()
        return self


def settled(backbone: Backbone, *, progress: Progress = silent) -> Backbone:
    """The same backbone with nothing left open: full name, size, padding. What is open may be
    known only to the weights, so this may download them."""
    known = entry(backbone.name)
    if backbone.size is not None and backbone.padding is not None:
        return backbone
    file = weights.find(known, backbone.weights, progress=progress)
    said = _said(known, file)
    same = file is not None and file.says.get("pad_type") == "same"
    size = backbone.size or (known.size if said is None else said.size)
    name = known.name if backbone.weights == "pretrained" else known.architecture
    return replace(
        backbone, name=name, size=size, padding=backbone.padding or ("same" if same else "own")
    )


def metadata(backbone: Backbone, *, progress: Progress = silent) -> Metadata:
    """How pictures have to look to this backbone; an error where nothing says so."""
    known = entry(backbone.name)
    said = _said(known, weights.find(known, backbone.weights, progress=progress))
    if said is None:
        raise SpecError(
            "Preprocess.mean and .std",
            f"must be given for {known.name}: nothing is published that says how its pictures were "
            "normalised",
            suggestion="Give those its weights were made with, or write mean and std into the "
            "header of the safetensors file.",
        )
    return said


def create(
    backbone: Backbone, *, pretrained: bool = True, progress: Progress = silent
) -> Extractor:
    """The feature extractor that `backbone` declares. Random weights come from torch's global
    generator; `pretrained=False` leaves the declared ones aside, for those that are loaded later.
    """
    backbone = settled(backbone, progress=progress)
    known = entry(backbone.name)
    shape = features_of(backbone)
    extractor = Extractor(
        _made(known, backbone),
        backbone,
        shape=shape,
        interpolation=known.interpolation,
    )
    file = weights.find(known, backbone.weights) if pretrained else None
    if file is not None:
        unused = (*known.classifier, "pre_logits")
        weights.load(extractor.model, file, unused=unused, name=known.name)
    extractor.random_weights = backbone.weights == "random"
    return extractor


def features_of(backbone: Backbone) -> Shape:
    """The shape of one picture's features; nothing is computed. An error where the size does not
    fit. `backbone` is settled."""
    known = entry(backbone.name)
    assert backbone.size is not None
    try:
        return _probed(known, backbone)
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        fitting = _next_fitting(known, backbone)
        raise SpecError(
            "Backbone.size",
            f"does not fit {known.architecture} ({str(error).strip().splitlines()[0]})",
            backbone.size,
            f"Pass size={fitting}; pictures are resized inside the model." if fitting else "",
        ) from None


def _said(known: Entry, file: WeightsFile | None) -> Metadata | None:
    """The published metadata, and over them what the file itself says."""
    says = {} if file is None else file.says
    try:
        mean, std = (_channels(says.get(name)) for name in ("mean", "std"))
        size = int(says["input_size"]) if "input_size" in says else None
        keep = float(says["crop_pct"]) if "crop_pct" in says else None
    except ValueError as error:
        assert file is not None
        raise DataError(f"header of {file.path}", f"cannot be understood ({error})") from None
    base = known.metadata
    if mean is not None and std is not None:
        base = base or Metadata(
            mean=mean,
            std=std,
            size=known.size,
            interpolation=known.interpolation,
            keep=1.0,
            fit="crop",
        )
        base = replace(base, mean=mean, std=std)
    if base is None:
        return None
    return replace(base, size=size or base.size, keep=keep or base.keep)


def _channels(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    first, second, third = (float(part) for part in text.split(","))
    return first, second, third


def _made(known: Entry, backbone: Backbone) -> Any:
    options: dict[str, Any] = {"num_classes": 0}
    if backbone.padding == "same":
        options["pad_type"] = "same"
    if known.fixed:
        options["img_size"] = backbone.size
    try:
        with warnings.catch_warnings():
            # Of timm's own making, about its own insides.
            warnings.simplefilter("ignore")
            model = timm().create_model(known.name, pretrained=False, **options)
    except TypeError as error:
        if "pad_type" not in str(error):
            raise
        rule = f"must be 'own': {known.architecture} has no other"
        raise SpecError("Backbone.padding", rule, backbone.padding) from None
    if hasattr(model, "pre_logits") and hasattr(model, "features"):
        # VGG's dense layers are part of its classifier.
        model.pre_logits = nn.Identity()
    if backbone.stem == "small":
        divided = blocks(model)
        second = divided[min(1, len(divided) - 1)].parameters[0]
        widen_stem(model, known.architecture, second)
    return model


def _probed(known: Entry, backbone: Backbone) -> Shape:
    assert backbone.size is not None
    with torch.device("meta"), torch.no_grad():
        model = _made(known, backbone).eval()
        pictures = torch.empty(2, 3, backbone.size, backbone.size)
        features = _finished(model, model.forward_features(pictures), backbone.pool)
    shape = tuple(features.shape[1:])
    if prod(shape) == 0:
        raise ValueError("nothing is left of the map")
    if len(shape) != (1 if backbone.pool else 3):
        raise SpecError(
            "Backbone.pool",
            f"must be {not backbone.pool} for {known.architecture}: its features are no "
            f"{'vector' if backbone.pool else 'map'}",
            backbone.pool,
        )
    return shape


def _next_fitting(known: Entry, backbone: Backbone) -> int | None:
    """The next larger usual size that fits, if any; else the next smaller one."""
    assert backbone.size is not None
    larger = [size for size in _SIZES if size > backbone.size]
    smaller = [size for size in reversed(_SIZES) if size < backbone.size]
    for size in (*larger, *smaller):
        try:
            _probed(known, replace(backbone, size=size))
        except Exception:  # each architecture has its own way to say no
            continue
        return size
    return None


def _finished(model: Any, features: Tensor, pool: bool) -> Tensor:
    if pool:
        head: Callable[..., Tensor] = model.forward_head
        return head(features, pre_logits=True)
    if features.dim() == 3 and hasattr(model, "num_prefix_tokens"):
        # A transformer: tokens that stand for no place come first.
        places = features[:, model.num_prefix_tokens :].transpose(1, 2)
        return places.reshape(*places.shape[:2], *model.patch_embed.grid_size)
    if getattr(model, "output_fmt", "NCHW") == "NHWC":
        return features.permute(0, 3, 1, 2)
    return features
