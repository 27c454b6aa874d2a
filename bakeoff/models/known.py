"""Backbones of the shipped recipes, in numbers. Needs neither torch nor timm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from bakeoff.models.counting import KERAS_BACKBONES, Parameters
from bakeoff.models.shapes import Shape
from bakeoff.spec.network import Backbone

__all__ = ["BackboneFacts", "KerasCount", "Trained", "Way", "keras_count", "known"]

Trained = Literal["all", "head"] | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a way of training takes of a backbone."""

    trained: int
    """Parameters that move."""

    kept: int
    """Bytes per picture that are kept from forward to backward, in single precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneFacts:
    """A backbone at one size, without its classifier."""

    size: int
    """Side of its input, in pixels."""

    features: Shape
    """What it makes of one picture: a vector, or a map."""

    parameters: Parameters
    """All frozen."""

    flops: int
    """Operations for one picture, forward."""

    passing: int
    """Bytes per picture that the largest layer reads and writes."""

    ways: Mapping[Trained, Way]
    """By what is trained: as far as it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KerasCount:
    """What Keras counts in its own version of a backbone."""

    total: int

    reason: str = ""
    """Why it is not the total of PyTorch's version, where it is not."""


def known(backbone: Backbone) -> BackboneFacts | None:
    """The facts of `backbone`, if it is one of the shipped recipes'."""
    name = _architecture(backbone)
    # What is left open is settled by the weights: other ones may settle it in another way.
    usual = backbone.weights in ("pretrained", "random") and "." not in backbone.name
    size = backbone.size or (_SIZES.get(name) if usual else None)
    own = backbone.stem == "own" and backbone.padding in (None, "own")
    if size is None or not own or (name, size) not in _FACTS:
        return None
    one = _FACTS[name, size]
    features = one.features[:1] if backbone.pool else one.features
    ways: dict[Trained, Way] = {
        "head": Way(trained=0, kept=4 * prod(features)),
        1: one.last_block,
        "all": Way(trained=one.held, kept=one.kept),
    }
    return BackboneFacts(
        size=size,
        features=features,
        parameters=Parameters(frozen=one.held, statistics=one.statistics),
        flops=one.flops,
        passing=one.passing,
        ways=ways,
    )


def keras_count(backbone: Backbone) -> KerasCount | None:
    """Keras's count of its own version of `backbone`, where it has one whose total we know."""
    name, reason = _IN_KERAS.get(_architecture(backbone), ("", ""))
    return KerasCount(total=KERAS_BACKBONES[name], reason=reason) if name else None


def _architecture(backbone: Backbone) -> str:
    name = backbone.name.partition(".")[0]
    return _RENAMED.get(name, name)


_RENAMED = {"xception": "legacy_xception"}

_SIZES = {
    "inception_v3": 299,
    "legacy_xception": 299,
    "resnet18": 224,
    "resnet50": 224,
    "vgg16": 224,
}
"""Sides that their weights were trained at, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    features: Shape
    held: int
    flops: int
    passing: int
    kept: int
    last_block: Way
    statistics: int = 0


_FACTS = {
    ("inception_v3", 299): _Facts(
        features=(2048, 8, 8),
        held=21_785_568,
        statistics=34_432,
        flops=11_422_336_192,
        passing=11_063_808,
        kept=98_172_452,
        last_block=Way(trained=6_076_800, kept=2_727_928),
    ),
    ("legacy_xception", 299): _Facts(
        features=(2048, 10, 10),
        held=20_806_952,
        statistics=54_528,
        flops=16_710_710_992,
        passing=22_127_616,
        kept=245_519_076,
        last_block=Way(trained=4_748_800, kept=4_308_984),
    ),
    ("resnet18", 224): _Facts(
        features=(512, 7, 7),
        held=11_176_512,
        statistics=9_600,
        flops=3_627_122_688,
        passing=6_422_528,
        kept=22_179_832,
        last_block=Way(trained=8_393_728, kept=1_105_912),
    ),
    ("resnet50", 224): _Facts(
        features=(2048, 7, 7),
        held=23_508_032,
        statistics=53_120,
        flops=8_174_272_512,
        passing=6_422_528,
        kept=85_909_496,
        last_block=Way(trained=14_964_736, kept=5_427_192),
    ),
    ("vgg16", 224): _Facts(
        features=(512, 7, 7),
        held=14_714_688,
        flops=30_693_261_312,
        passing=25_690_112,
        kept=73_058_296,
        last_block=Way(trained=7_079_424, kept=1_808_376),
    ),
    ("vit_base_patch32_clip_quickgelu_224", 224): _Facts(
        features=(768, 7, 7),
        held=87_456_000,
        flops=8_816_836_608,
        passing=1_228_800,
        kept=39_377_300,
        last_block=Way(trained=7_089_408, kept=3_500_388),
    ),
    ("vit_small_patch14_dinov2", 112): _Facts(
        features=(384, 8, 8),
        held=21_555_072,
        flops=2_867_152_896,
        passing=798_720,
        kept=23_145_440,
        last_block=Way(trained=1_776_000, kept=2_099_752),
    ),
}
"""By architecture and side. A test holds them against timm."""

_IN_KERAS = {
    "inception_v3": ("inception_v3", "its batch norms have no scale"),
    "legacy_xception": ("xception", ""),
    "resnet50": ("resnet50", "each of its 53 convolutions has a bias"),
    "vgg16": ("vgg16", ""),
}
