"""Small modern networks from scratch: depthwise convolutions, and attention."""

from __future__ import annotations

from collections.abc import Callable

from bakeoff.spec.image import Augment
from bakeoff.spec.network import (
    Attention,
    Classes,
    Conv,
    GlobalPool,
    LayerNorm,
    Network,
    Positions,
    Residual,
    Row,
    Scale,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import AdamW, Cosine, Stage

__all__ = ["RECIPES", "convnext_mini", "vit_mini"]

_MIXED = Augment(flip="random", crop=4, trivial=True, cutout=8, mixup=0.2, cutmix=1.0)
"""These networks know less about pictures beforehand, and need to see more of them."""


def convnext_mini() -> Recipe:
    """A small ConvNeXt: three stages of depthwise 7×7 convolutions with layer norm and GELU."""
    rows: tuple[Row, ...] = ()
    for width, blocks, drop in ((96, 2, 0.0), (192, 4, 0.05), (384, 2, 0.1)):
        halve = Conv(width=width, kernel=2, stride=2, padding="valid")
        rows += (LayerNorm(), halve) if rows else (halve, LayerNorm())
        rows += (_depthwise(width, drop),) * blocks
    return Recipe(
        name="convnext-mini",
        note="A small ConvNeXt: depthwise convolutions, layer norm, GELU.",
        network=Network(rows=(*rows, GlobalPool(), LayerNorm(), Classes())),
        augment=_MIXED,
        stages=(_stage(epochs=150, rate=2e-3),),
    )


def vit_mini() -> Recipe:
    """A small vision transformer: patches of 4×4 pixels, nine blocks of attention, width 192."""
    rows: tuple[Row, ...] = (Conv(width=192, kernel=4, stride=4, padding="valid"), Positions())
    rows += _transformer(192, heads=6, drop=0.1) * 9
    return Recipe(
        name="vit-mini",
        note="A small vision transformer: 4×4 patches, nine blocks.",
        network=Network(rows=(*rows, LayerNorm(), GlobalPool(), Classes())),
        augment=_MIXED,
        stages=(_stage(epochs=200, rate=1e-3),),
    )


def _depthwise(width: int, drop: float) -> Residual:
    return Residual(
        body=(
            Conv(width=width, kernel=7, groups=width),
            LayerNorm(),
            Conv(width=4 * width, kernel=1, activation="gelu"),
            Conv(width=width, kernel=1),
            Scale(start=0.1),
        ),
        drop=drop,
    )


def _transformer(width: int, *, heads: int, drop: float) -> tuple[Row, ...]:
    gather: tuple[Row, ...] = (LayerNorm(), Attention(heads=heads), Scale(start=0.1))
    think: tuple[Row, ...] = (
        LayerNorm(),
        Conv(width=4 * width, kernel=1, activation="gelu"),
        Conv(width=width, kernel=1),
        Scale(start=0.1),
    )
    return Residual(body=gather, drop=drop), Residual(body=think, drop=drop)


def _stage(*, epochs: int, rate: float) -> Stage:
    return Stage(
        epochs=epochs,
        batch=256,
        optimiser=AdamW(rate=rate, betas=(0.9, 0.99), weight_decay=0.05),
        schedule=Cosine(warmup=0.1),
        label_smoothing=0.1,
        clip=1.0,
        average=0.9995,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "convnext-mini": convnext_mini,
    "vit-mini": vit_mini,
}
