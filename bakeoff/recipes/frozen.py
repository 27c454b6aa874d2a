"""No training at all: neighbours, a linear probe and words on frozen features. A bake-off's first
rows."""

from __future__ import annotations

from collections.abc import Callable

from bakeoff.spec.estimator import Estimator, LinearProbe, NearestNeighbours, Pixels, ZeroShot
from bakeoff.spec.network import Backbone
from bakeoff.spec.recipe import Recipe

__all__ = [
    "RECIPES",
    "nearest_dinov2",
    "nearest_pixels",
    "nearest_resnet50",
    "probe_dinov2",
    "probe_resnet50",
    "zero_shot_clip",
]

_RESNET50 = Backbone(name="resnet50")
_DINOV2 = Backbone(name="vit_small_patch14_dinov2", size=112)
"""At 112 pixels it costs a quarter of 224, and small pictures hold no more anyway."""

_CLIP = Backbone(name="vit_base_patch32_clip_quickgelu_224.openai", size=224)
"""At the side that its picture tower and its word tower were made for each other."""

_PENALTIES = (LinearProbe(penalty=1e-3), LinearProbe(penalty=1e-1))


def nearest_pixels() -> Recipe:
    """The nearest training pictures, compared as 8×8 pixels: a floor for everything else."""
    return Recipe(
        name="nearest-pixels",
        note="Nearest neighbours on pixels; nothing is trained.",
        network=Estimator(method=NearestNeighbours(), inputs=Pixels(side=8)),
    )


def nearest_resnet50() -> Recipe:
    """The nearest training pictures, by ResNet-50's features."""
    return Recipe(
        name="nearest-resnet50",
        note="Nearest neighbours on frozen ResNet-50 features; nothing is trained.",
        network=Estimator(method=NearestNeighbours(), inputs=_RESNET50, standardise=False),
    )


def nearest_dinov2() -> Recipe:
    """The nearest training pictures, by the features of a small DINOv2."""
    return Recipe(
        name="nearest-dinov2",
        note="Nearest neighbours on frozen DINOv2 features; nothing is trained.",
        network=Estimator(method=NearestNeighbours(), inputs=_DINOV2, standardise=False),
    )


def probe_resnet50() -> Recipe:
    """Logistic regression on ResNet-50's features; the penalty is searched for."""
    return Recipe(
        name="probe-resnet50",
        note="A linear probe on frozen ResNet-50 features.",
        network=Estimator(
            method=LinearProbe(penalty=1e-2), inputs=_RESNET50, grid=_PENALTIES, folds=3
        ),
    )


def probe_dinov2() -> Recipe:
    """Logistic regression on the features of a small DINOv2; the penalty is searched for."""
    return Recipe(
        name="probe-dinov2",
        note="A linear probe on frozen DINOv2 features.",
        network=Estimator(
            method=LinearProbe(penalty=1e-2), inputs=_DINOV2, grid=_PENALTIES, folds=3
        ),
    )


def zero_shot_clip() -> Recipe:
    """CLIP is told the names of the classes, and sees no training picture."""
    return Recipe(
        name="zero-shot-clip",
        note="CLIP, told the classes' names alone; it has seen web data, perhaps these pictures.",
        network=Estimator(method=ZeroShot(), inputs=_CLIP, standardise=False),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "nearest-pixels": nearest_pixels,
    "nearest-resnet50": nearest_resnet50,
    "nearest-dinov2": nearest_dinov2,
    "probe-resnet50": probe_resnet50,
    "probe-dinov2": probe_dinov2,
    "zero-shot-clip": zero_shot_clip,
}
