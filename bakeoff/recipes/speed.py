"""The shape that holds the speed record on CIFAR-10: seven convolutions, trained in seconds.

A first layer computed from the data, convolutions that begin by passing their input through,
maps halved before they are normalised, and Muon. Rates are for the mean of the loss over a batch;
published ones are for its sum and for other factors on the scores, and are converted here so that
each step is the same. Where they look huge it is because scores, and so gradients, are scaled down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bakeoff.spec.image import Augment
from bakeoff.spec.network import (
    BatchNorm,
    Classes,
    Conv,
    GlobalPool,
    MaxPool,
    Network,
    Row,
    Whiten,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Linear, Muon, Stage

__all__ = ["RECIPES", "speed", "speed_wide"]

_WHITENING = 0.4
"""Share of training in which the bias of the first layer moves."""

_SMALL = 0.75
"""Side of pictures early on, as a share: little more than half the work of full ones."""

_SCALE = 1 / 72
"""Factor on the scores at which the head and the biases want one and the same rate."""


def speed() -> Recipe:
    """Whitening, then three groups of two convolutions with 64, 256 and 256 filters: six epochs at
    three quarters of the size, four at full size.

    The record's shape and rates; 2×2 patches, frozen batch-norm scales, no head bias. The record's
    own eight epochs at full size cost more: see docs/experiments.md.
    """
    network = Network(rows=_rows((64, 256, 256), whitening=_WHITENING))
    return Recipe(
        name="speed",
        note="The speed record's shape: whitening and six convolutions, ten epochs of Muon.",
        network=network,
        augment=Augment(flip="alternate", crop=2),
        stages=_growing(small=6, full=4),
    )


def speed_wide() -> Recipe:
    """`speed` with 128, 384 and 384 filters, twice the epochs and a stronger augmentation."""
    return Recipe(
        name="speed-wide",
        note="The speed record's shape, wider and trained for longer.",
        network=Network(rows=_rows((128, 384, 384))),
        augment=Augment(flip="alternate", crop=4, cutout=8),
        stages=(_stage(epochs=16),),
    )


def _rows(widths: tuple[int, ...], *, whitening: float = 1.0) -> tuple[Row, ...]:
    rows: tuple[Row, ...] = (Whiten(activation="gelu", learns=whitening),)
    # Running statistics follow quickly: there are only some 200 steps.
    norm = BatchNorm(momentum=0.4, scale=False, activation="gelu")
    for width in widths:
        conv = Conv(width=width, bias=False, start="dirac")
        rows += (conv, MaxPool(), norm, conv, norm)
    return (*rows, GlobalPool(mode="max"), Classes(bias=False, scale=_SCALE))


def _growing(*, small: int, full: int) -> tuple[Stage, ...]:
    """Two stages under one straight line of the rate: on smaller pictures, then on full ones."""
    place = full / (small + full)
    early = replace(_stage(epochs=small), size=_SMALL, schedule=Linear(end=place))
    return (early, _stage(epochs=full, factor=place))


def _stage(*, epochs: int, factor: float = 1.0) -> Stage:
    rest = SGD(rate=106.0 * factor, momentum=0.85, weight_decay=3.8e-5)
    return Stage(
        epochs=epochs,
        batch=2000,
        optimiser=Muon(
            rate=0.24 * factor,
            momentum=0.6,
            iterations=3,
            renormalise=True,
            other=rest,
            head_rate=106.0 * factor,
        ),
        schedule=Linear(),
        label_smoothing=0.2,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {"speed": speed, "speed-wide": speed_wide}
