"""Networks in VGG's manner from scratch: 3×3 convolutions in pairs, then dense layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bakeoff.spec.image import Augment
from bakeoff.spec.network import (
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Network,
    Row,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, OneCycle, Stage

__all__ = ["RECIPES", "vgg6", "vgg6_bn", "vgg6_wide", "vgg10"]

_STRONG = Augment(flip="random", crop=4, cutout=8)


def vgg10() -> Recipe:
    """Ten convolutions of 64 to 512 filters, each with batch norm, and two dense layers of 4096."""
    rows: tuple[Row, ...] = ()
    for width in (64, 128, 256, 512, 512):
        rows += (*_normed(width), *_normed(width), MaxPool())
    rows += (Flatten(),)
    rows += (Dense(width=4096, activation="relu"), Dropout(rate=0.5)) * 2
    return Recipe(
        name="vgg10",
        note="Ten convolutions with batch norm, two dense layers of 4096.",
        network=Network(rows=(*rows, Classes())),
        augment=_STRONG,
        # Wide dense layers without batch norm: at the others' rate the first steps run away.
        stages=(replace(_long(epochs=120), optimiser=SGD(rate=0.02), clip=1.0),),
    )


def vgg6() -> Recipe:
    """Six convolutions of 64 to 256 filters and a dense layer of 256: no batch norm, no dropout,
    no augmentation. What holds it is weight decay and label smoothing."""
    rows: tuple[Row, ...] = ()
    for width in (64, 128, 256):
        rows += (Conv(width=width, activation="relu"),) * 2 + (MaxPool(),)
    rows += (Flatten(), Dense(width=256, activation="relu"), Classes())
    return Recipe(
        name="vgg6",
        note="Six convolutions, one dense layer; nothing against overfitting but weight decay.",
        network=Network(rows=rows),
        stages=(
            Stage(
                epochs=50,
                batch=64,
                optimiser=SGD(rate=0.02, weight_decay=2e-3),
                schedule=OneCycle(warmup=0.2),
                label_smoothing=0.1,
                clip=2.0,
                average=0.999,
            ),
        ),
    )


def vgg6_bn() -> Recipe:
    """`vgg6` with batch norm after every convolution, dropout between the dense layers, and
    augmentation."""
    rows: tuple[Row, ...] = ()
    for width in (64, 128, 256):
        rows += (*_normed(width), *_normed(width), MaxPool())
    rows += (Flatten(), Dense(width=256, activation="relu"), Dropout(rate=0.4), Classes())
    return Recipe(
        name="vgg6-bn",
        note="vgg6 with batch norm, dropout and augmentation.",
        network=Network(rows=rows),
        augment=_STRONG,
        stages=(_long(epochs=100),),
    )


def vgg6_wide() -> Recipe:
    """The convolutions of `vgg6` with one batch norm a block, and two dense layers of 512."""
    rows: tuple[Row, ...] = ()
    for width in (64, 128, 256):
        rows += (Conv(width=width, activation="relu"), *_normed(width), MaxPool())
    rows += (
        Flatten(),
        Dense(width=512),
        BatchNorm(activation="relu"),
        Dropout(rate=0.4),
        Dense(width=512, activation="relu"),
        Classes(),
    )
    return Recipe(
        name="vgg6-wide",
        note="vgg6 with one batch norm a block and two dense layers of 512.",
        network=Network(rows=rows),
        augment=_STRONG,
        stages=(_long(epochs=100),),
    )


def _normed(width: int) -> tuple[Row, ...]:
    return Conv(width=width), BatchNorm(activation="relu")


def _long(*, epochs: int) -> Stage:
    return Stage(
        epochs=epochs,
        optimiser=SGD(rate=0.05),
        schedule=OneCycle(warmup=0.2),
        label_smoothing=0.1,
        average=0.999,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "vgg6": vgg6,
    "vgg6-bn": vgg6_bn,
    "vgg6-wide": vgg6_wide,
    "vgg10": vgg10,
}
