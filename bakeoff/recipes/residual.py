"""Residual networks from scratch, with a first layer for small pictures."""

from __future__ import annotations

from collections.abc import Callable

from bakeoff.spec.image import Augment
from bakeoff.spec.network import (
    BatchNorm,
    Classes,
    Conv,
    Dropout,
    GlobalPool,
    Network,
    Residual,
    Row,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, OneCycle, Stage

__all__ = ["RECIPES", "resnet18_small", "wide_resnet"]

_STRONG = Augment(flip="random", crop=4, cutout=8)


def resnet18_small() -> Recipe:
    """ResNet-18 that begins with one 3×3 convolution at full size, for pictures of 32 pixels."""
    rows: tuple[Row, ...] = (Conv(width=64, bias=False), BatchNorm(activation="relu"))
    for width in (64, 128, 256, 512):
        rows += (_basic(width, 1 if width == 64 else 2), _basic(width, 1))
    return Recipe(
        name="resnet18-small",
        note="ResNet-18 with a stem for small pictures.",
        network=Network(rows=(*rows, GlobalPool(), Classes())),
        augment=_STRONG,
        stages=(_stage(),),
    )


def wide_resnet() -> Recipe:
    """A wide residual network of sixteen layers, four times as wide as the first ones were.

    Normalisation comes before each convolution, and a little dropout between the two of a block.
    """
    rows: tuple[Row, ...] = (Conv(width=16, bias=False),)
    for width in (64, 128, 256):
        rows += (_wide(width, 1 if width == 64 else 2), _wide(width, 1))
    rows += (BatchNorm(activation="relu"), GlobalPool(), Classes())
    return Recipe(
        name="wide-resnet",
        note="A small wide residual network: sixteen layers, width four.",
        network=Network(rows=rows),
        augment=_STRONG,
        stages=(_stage(),),
    )


def _basic(width: int, stride: int) -> Residual:
    changed: tuple[Row, ...] = (
        Conv(width=width, kernel=1, stride=stride, bias=False),
        BatchNorm(),
    )
    return Residual(
        body=(
            Conv(width=width, stride=stride, bias=False),
            BatchNorm(activation="relu"),
            Conv(width=width, bias=False),
            BatchNorm(),
        ),
        shortcut=changed if stride > 1 else (),
        activation="relu",
    )


def _wide(width: int, stride: int) -> Residual:
    return Residual(
        body=(
            BatchNorm(activation="relu"),
            Conv(width=width, stride=stride, bias=False),
            BatchNorm(activation="relu"),
            Dropout(rate=0.05),
            Conv(width=width, bias=False),
        )
    )


def _stage() -> Stage:
    return Stage(
        epochs=100,
        optimiser=SGD(rate=0.1),
        schedule=OneCycle(warmup=0.2),
        label_smoothing=0.1,
        average=0.999,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "resnet18-small": resnet18_small,
    "wide-resnet": wide_resnet,
}
