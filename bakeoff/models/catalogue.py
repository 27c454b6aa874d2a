"""timm's catalogue: which backbones there are, and what their weights say about themselves.

timm is imported at first use, through the guard for torchvision: networks from scratch do without.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Literal

from bakeoff.models.torchvision_guard import import_torchvision
from bakeoff.spec.errors import MissingExtraError, SpecError, nearest, one_of
from bakeoff.spec.image import Channels

__all__ = ["Entry", "Interpolation", "Metadata", "entry", "timm"]

Fit = Literal["crop", "pad", "stretch"]
Interpolation = Literal["bilinear", "bicubic"]

_FITS: dict[str, Fit] = {"center": "crop", "squash": "stretch", "border": "pad"}


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """How pictures looked to the backbone when its weights were made."""

    mean: Channels
    std: Channels
    size: int
    interpolation: Interpolation
    keep: float
    """Share of the short side that was kept when it was measured."""

    fit: Fit


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One architecture and one set of published weights, where there are any."""

    name: str
    """In full: `resnet50.a1_in1k`; without a tag where no weights are published."""

    architecture: str

    hub: str | None
    """Repository on the hub that holds the weights."""

    url: str | None
    """Where they are published as a pickled file."""

    licence: str | None
    """Of the published weights, by the name that timm gives it."""

    metadata: Metadata | None
    """Of the published weights; None where there are none, whatever timm fills in."""

    size: int
    """Side of its input unless told otherwise, in pixels."""

    interpolation: Interpolation
    """How pictures are brought to that size."""

    fixed: bool
    """Whether another size has to be known when it is built."""

    classifier: tuple[str, ...]
    """Names of the layers that are left out."""


def timm() -> ModuleType:
    """timm, imported at first use."""
    import_torchvision()
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise MissingExtraError("Backbone", "train") from error


@cache
def entry(name: str) -> Entry:
    """The entry for a name with or without a tag; names that timm has given up are understood."""
    models = timm().models
    architecture, _, tag = name.partition(".")
    successor = models.get_deprecated_models().get(architecture)
    if successor is not None:
        architecture, _, successor_tag = successor.partition(".")
        tag = tag or successor_tag
    known = models.list_models()
    if architecture not in known:
        raise SpecError(
            "Backbone.name", "must be a model that timm knows", name, _near(name, known)
        )
    published = models.get_arch_pretrained_cfgs(architecture)
    chosen = f"{architecture}.{tag}" if tag else architecture
    if tag and chosen not in published:
        rule = f"must name weights that are published for {architecture}"
        raise SpecError("Backbone.name", rule, name, one_of(chosen, published))
    return _entry(architecture, models.get_pretrained_cfg(chosen))


def _near(name: str, known: list[str]) -> str:
    close = nearest(name, known)
    guess = "" if close is None else f"Did you mean {close!r}? "
    return f"{guess}timm.list_models() gives all {len(known):,}."


def _entry(architecture: str, found: Any) -> Entry:
    # timm fills in a mean and so on where nothing was published. Only what belongs to the
    # architecture is taken from there.
    published = found is not None and bool(found.hf_hub_id or found.url)
    classifier = () if found is None else found.classifier or ()
    return Entry(
        name=f"{architecture}.{found.tag}" if published and found.tag else architecture,
        architecture=architecture,
        hub=found.hf_hub_id if published else None,
        url=found.url or None if published else None,
        licence=found.license or None if published else None,
        metadata=_metadata(found) if published else None,
        size=224 if found is None else found.input_size[1],
        interpolation="bicubic" if found is None else found.interpolation,
        fixed=found is not None and found.fixed_input_size,
        classifier=(classifier,) if isinstance(classifier, str) else tuple(classifier),
    )


def _metadata(published: Any) -> Metadata:
    return Metadata(
        mean=published.mean,
        std=published.std,
        size=published.input_size[1],
        interpolation=published.interpolation,
        keep=published.crop_pct,
        fit=_FITS[published.crop_mode],
    )
