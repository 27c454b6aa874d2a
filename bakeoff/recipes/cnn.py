"""Plain convolutional networks from scratch: a few convolutions, pools, dense layers."""

from __future__ import annotations

from collections.abc import Callable

from bakeoff.spec.image import Augment
from bakeoff.spec.network import (
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalPool,
    MaxPool,
    Network,
    Row,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Adam, AdamW, Cosine, OneCycle, Plateau, Stage

__all__ = [
    "RECIPES",
    "blocks_a",
    "blocks_b",
    "cnn3",
    "cnn3_deep",
    "cnn3_deep_augmented",
    "cnn3_deep_dropout",
    "cnn3_relu",
    "cnn10",
    "cnn_scheduled",
]

_MILD = Augment(flip="random", crop=2)
_STANDARD = Augment(flip="random", crop=4)
_STRONG = Augment(flip="random", crop=4, cutout=8)


def cnn10() -> Recipe:
    """Ten convolutions in five blocks of 32 to 512 filters, then three dense layers.

    Each block: convolution, batch norm, convolution, pool, dropout. The first kernel is 5×5.
    """
    rows: tuple[Row, ...] = ()
    for block, width in enumerate((32, 64, 128, 256, 512)):
        rows += (
            Conv(width=width, kernel=3 if block else 5),
            BatchNorm(activation="relu"),
            Conv(width=width, activation="relu"),
            MaxPool(),
            Dropout(rate=0.1),
        )
    rows += (
        GlobalPool(),
        Dense(width=1024, activation="relu"),
        Dropout(rate=0.3),
        Dense(width=512, activation="relu"),
        Dropout(rate=0.3),
        Classes(),
    )
    return Recipe(
        name="cnn10",
        note="Ten convolutions in five blocks, three dense layers.",
        network=Network(rows=rows),
        augment=_STRONG,
        stages=(
            Stage(
                epochs=120,
                optimiser=SGD(rate=0.05),
                schedule=OneCycle(warmup=0.2),
                label_smoothing=0.1,
                clip=2.0,
                average=0.999,
            ),
        ),
    )


def cnn3() -> Recipe:
    """Three unpadded convolutions of 32, 64 and 128 filters, one dense layer of 128."""
    return Recipe(
        name="cnn3",
        note="Three convolutions, one dense layer: the small one.",
        network=Network(
            rows=(
                Conv(width=32, padding="valid", activation="relu"),
                MaxPool(),
                Conv(width=64, padding="valid", activation="relu"),
                MaxPool(),
                Conv(width=128, padding="valid", activation="relu"),
                Flatten(),
                Dense(width=128, activation="relu"),
                Dropout(rate=0.2),
                Classes(),
            )
        ),
        augment=_MILD,
        stages=(
            Stage(
                epochs=60,
                optimiser=AdamW(rate=2e-3, weight_decay=0.02),
                schedule=OneCycle(warmup=0.2),
                label_smoothing=0.05,
                average=0.999,
            ),
        ),
    )


def cnn3_deep() -> Recipe:
    """`cnn3` made deeper: two convolutions with batch norm where it has one, and wider.

    Neither dropout nor augmentation: what holds it is weight decay and small batches.
    """
    return Recipe(
        name="cnn3-deep",
        note="Six convolutions with batch norm; no dropout, no augmentation.",
        network=Network(rows=_deeper(dropout=False)),
        stages=(
            Stage(
                epochs=60,
                batch=64,
                optimiser=SGD(rate=0.05, weight_decay=1e-3),
                schedule=OneCycle(warmup=0.2),
                label_smoothing=0.1,
                average=0.999,
            ),
        ),
    )


def cnn3_deep_dropout() -> Recipe:
    """`cnn3-deep` with dropout after each block, stopped when validation stops improving."""
    return Recipe(
        name="cnn3-deep-dropout",
        note="cnn3-deep with dropout and early stopping.",
        network=Network(rows=_deeper(dropout=True)),
        stages=(_stopped(),),
    )


def cnn3_deep_augmented() -> Recipe:
    """`cnn3-deep-dropout` on pictures mirrored, shifted, turned and zoomed at random."""
    return Recipe(
        name="cnn3-deep-augmented",
        note="cnn3-deep with dropout, early stopping and augmentation.",
        network=Network(rows=_deeper(dropout=True)),
        augment=Augment(flip="random", crop=4, rotation=10, zoom=0.1),
        stages=(_stopped(),),
    )


def cnn_scheduled() -> Recipe:
    """Twelve layers, two of them dense, with batch norm and dropout; Adam on a falling rate.

    Strided convolutions instead of pools: 32×32 pictures come down to 4×4.
    """
    return Recipe(
        name="cnn-scheduled",
        note="Twelve layers, two dense; Adam with a learning-rate schedule.",
        network=Network(
            rows=(
                Conv(width=128, activation="relu"),
                Conv(width=160, stride=2),
                BatchNorm(activation="relu"),
                Conv(width=224, activation="relu"),
                Conv(width=320, stride=2),
                BatchNorm(activation="relu"),
                Conv(width=384, activation="relu"),
                Conv(width=512, stride=2, activation="relu"),
                GlobalPool(),
                Dense(width=128, activation="relu"),
                Dropout(rate=0.3),
                Classes(),
            )
        ),
        augment=_STRONG,
        stages=(
            Stage(
                epochs=100,
                optimiser=Adam(rate=1e-3, weight_decay=2e-5),
                schedule=Cosine(warmup=0.05),
                label_smoothing=0.1,
                average=0.999,
            ),
        ),
    )


def cnn3_relu() -> Recipe:
    """Three convolutions with ReLU and pool, one dense layer; Adam at 0.001, ten epochs of 32."""
    rows: tuple[Row, ...] = ()
    for width in (64, 128, 256):
        rows += (Conv(width=width, activation="relu"), MaxPool())
    rows += (Flatten(), Dense(width=256, activation="relu"), Classes())
    return Recipe(
        name="cnn3-relu",
        note="Three convolutions, one dense layer; ten epochs of Adam.",
        network=Network(rows=rows),
        augment=_MILD,
        stages=(
            # The short warm-up is what keeps Adam's first steps from killing its ReLUs.
            Stage(
                epochs=10,
                batch=32,
                optimiser=Adam(rate=1e-3),
                schedule=Cosine(warmup=0.05),
            ),
        ),
    )


def blocks_a() -> Recipe:
    """Blocks of two convolutions with batch norm between, and a dropout that grows block by block.

    Trained for a small set of some 8,000 pictures: batches of 32, strong augmentation.
    """
    return Recipe(
        name="blocks-a",
        note="Three blocks with growing dropout, for some 8,000 pictures.",
        network=Network(rows=_blocks()),
        augment=Augment(flip="random", crop=4, rotation=10, zoom=0.1, brightness=0.2, cutout=8),
        stages=(
            Stage(
                epochs=60,
                batch=32,
                optimiser=AdamW(rate=1e-3, weight_decay=0.05),
                schedule=OneCycle(warmup=0.2),
                label_smoothing=0.1,
                average=0.995,
            ),
        ),
    )


def blocks_b() -> Recipe:
    """The network of `blocks-a`, trained for a set of tens of thousands of pictures."""
    return Recipe(
        name="blocks-b",
        note="Three blocks with growing dropout, for a full training set.",
        network=Network(rows=_blocks()),
        augment=_STRONG,
        stages=(
            Stage(
                epochs=100,
                optimiser=SGD(rate=0.05),
                schedule=OneCycle(warmup=0.2),
                label_smoothing=0.1,
                clip=2.0,
                average=0.999,
            ),
        ),
    )


def _deeper(*, dropout: bool) -> tuple[Row, ...]:
    rows: tuple[Row, ...] = ()
    for width, rate in ((96, 0.2), (192, 0.3), (384, 0.4)):
        rows += (Conv(width=width, bias=False), BatchNorm(activation="relu")) * 2
        rows += (MaxPool(), Dropout(rate=rate)) if dropout else (MaxPool(),)
    rows += (GlobalPool(), Dense(width=256, activation="relu"))
    return (*rows, Dropout(rate=0.5), Classes()) if dropout else (*rows, Classes())


def _stopped() -> Stage:
    # A rate that falls on a plateau goes with early stopping: a cosine's gains come at the end,
    # which a stop would cut off.
    return Stage(
        epochs=120,
        batch=128,
        optimiser=SGD(rate=0.05),
        schedule=Plateau(factor=0.3, patience=4, warmup=0.02),
        label_smoothing=0.1,
        average=0.999,
        patience=14,
    )


def _blocks() -> tuple[Row, ...]:
    rows: tuple[Row, ...] = ()
    for width, rate in ((64, 0.1), (128, 0.2), (256, 0.3)):
        rows += (
            Conv(width=width, activation="relu"),
            BatchNorm(),
            Conv(width=width, activation="relu"),
            MaxPool(),
            Dropout(rate=rate),
        )
    return (*rows, Flatten(), Dense(width=256, activation="relu"), Dropout(rate=0.4), Classes())


RECIPES: dict[str, Callable[[], Recipe]] = {
    "cnn3": cnn3,
    "cnn3-relu": cnn3_relu,
    "cnn3-deep": cnn3_deep,
    "cnn3-deep-dropout": cnn3_deep_dropout,
    "cnn3-deep-augmented": cnn3_deep_augmented,
    "blocks-a": blocks_a,
    "blocks-b": blocks_b,
    "cnn-scheduled": cnn_scheduled,
    "cnn10": cnn10,
}
