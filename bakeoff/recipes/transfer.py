"""Backbones with pretrained weights and a new head, frozen or fine-tuned.

A frozen stage leaves the pictures as they are wherever it can: its features are then computed once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bakeoff.spec.image import Augment
from bakeoff.spec.network import (
    Backbone,
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalPool,
    Head,
    MaxPool,
    Network,
    Row,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Adam, AdamW, Constant, Cosine, RMSProp, Stage

__all__ = [
    "RECIPES",
    "inception_v3",
    "inception_v3_augmented",
    "inception_v3_dropout",
    "inception_v3_frozen",
    "resnet18",
    "resnet50",
    "resnet50_dense",
    "resnet50_dense_unfrozen",
    "vgg16",
    "vgg16_conv",
    "vgg16_dense",
    "vgg16_dense_augmented",
    "vgg16_dense_augmented_tuned",
    "vgg16_dense_tuned",
    "vgg16_frozen",
    "xception",
]

_UNCHANGED = Augment()
_MIRROR = Augment(flip="random")
_MOVED = Augment(flip="random", rotation=10, zoom=0.1, shift=0.1)


def resnet18() -> Recipe:
    """ResNet-18 with its last layer replaced: the head first, then everything."""
    return Recipe(
        name="resnet18",
        note="ResNet-18 from ImageNet, last layer replaced, fine-tuned.",
        network=_one_layer("resnet18"),
        augment=_MOVED,
        stages=(_head(epochs=3), _tuned(epochs=15)),
    )


def resnet50() -> Recipe:
    """ResNet-50 with its last layer replaced: the head first, then everything."""
    return Recipe(
        name="resnet50",
        note="ResNet-50 from ImageNet, last layer replaced, fine-tuned.",
        network=_one_layer("resnet50"),
        augment=_MOVED,
        stages=(_head(epochs=3), _tuned(epochs=12)),
    )


def vgg16() -> Recipe:
    """VGG-16 with a new head: five epochs frozen, then ten of everything."""
    return Recipe(
        name="vgg16",
        note="VGG-16 from ImageNet, five epochs frozen, ten fine-tuned.",
        network=_one_layer("vgg16"),
        augment=_MOVED,
        stages=(_head(epochs=5), _tuned(epochs=10, rate=0.005)),
    )


def vgg16_frozen() -> Recipe:
    """VGG-16, frozen, with a new head trained for ten epochs."""
    return Recipe(
        name="vgg16-frozen",
        note="VGG-16 from ImageNet, frozen, a new head.",
        network=Network(backbone=Backbone(name="vgg16"), head=Head(rows=_hidden(512, 0.3))),
        stages=(_head(epochs=10),),
    )


def xception() -> Recipe:
    """Xception with a new head: the head first, then everything."""
    return Recipe(
        name="xception",
        note="Xception from ImageNet, new head, fine-tuned.",
        network=_one_layer("legacy_xception"),
        augment=_MOVED,
        stages=(_head(epochs=3), _tuned(epochs=12)),
    )


def inception_v3_frozen() -> Recipe:
    """Inception v3, frozen, with a new head: the first of four steps."""
    return Recipe(
        name="inception-v3-frozen",
        note="Inception v3 from ImageNet, frozen, a new head.",
        network=_inception(dropout=0.2),
        stages=(_head(epochs=15),),
    )


def inception_v3_augmented() -> Recipe:
    """`inception-v3-frozen` on pictures changed at random: the second step."""
    stage = replace(_head(epochs=15), augment=None)
    return replace(
        inception_v3_frozen(),
        name="inception-v3-augmented",
        note="inception-v3-frozen with augmentation.",
        augment=_MOVED,
        stages=(stage,),
    )


def inception_v3() -> Recipe:
    """Inception v3 with a new head, then fine-tuned: the third step."""
    return Recipe(
        name="inception-v3",
        note="Inception v3 from ImageNet, new head, augmentation, fine-tuned.",
        network=_inception(dropout=0.2),
        augment=_MOVED,
        stages=(_head(epochs=3), _tuned(epochs=12)),
    )


def inception_v3_dropout() -> Recipe:
    """`inception-v3` trained again with more dropout: the fourth step."""
    return replace(
        inception_v3(),
        name="inception-v3-dropout",
        note="inception-v3 with more dropout.",
        network=_inception(dropout=0.5),
    )


def vgg16_dense() -> Recipe:
    """VGG-16 at 224 pixels, frozen; its whole map goes through dense layers of 1024, 512, 256."""
    rows: tuple[Row, ...] = (Flatten(),)
    for width, rate in ((1024, 0.5), (512, 0.4), (256, 0.3)):
        rows += (Dense(width=width), BatchNorm(activation="relu"), Dropout(rate=rate))
    return Recipe(
        name="vgg16-dense",
        note="VGG-16 at 224 pixels, frozen; three dense layers on its map.",
        network=Network(
            backbone=Backbone(name="vgg16", size=224, pool=False),
            head=Head(rows=(*rows, Classes())),
        ),
        stages=(replace(_head(epochs=50), optimiser=Adam(rate=1e-3)),),
    )


def vgg16_dense_tuned() -> Recipe:
    """`vgg16-dense`, then its last block unfrozen for thirty epochs of Adam at 0.00001."""
    start = vgg16_dense()
    return replace(
        start,
        name="vgg16-dense-tuned",
        note="vgg16-dense, then its last block fine-tuned.",
        stages=(*start.stages, _last_block(epochs=30)),
    )


def vgg16_dense_augmented() -> Recipe:
    """`vgg16-dense` on pictures changed at random, for a hundred epochs."""
    start = vgg16_dense()
    return replace(
        start,
        name="vgg16-dense-augmented",
        note="vgg16-dense with augmentation.",
        augment=_MOVED,
        stages=(replace(start.stages[0], epochs=100.0, augment=None),),
    )


def vgg16_dense_augmented_tuned() -> Recipe:
    """`vgg16-dense-augmented`, then its last block unfrozen for fifty epochs."""
    start = vgg16_dense_augmented()
    return replace(
        start,
        name="vgg16-dense-augmented-tuned",
        note="vgg16-dense-augmented, then its last block fine-tuned.",
        stages=(*start.stages, _last_block(epochs=50)),
    )


def vgg16_conv() -> Recipe:
    """VGG-16 at 224 pixels, last block trainable; two convolutions and two dense layers on top."""
    rows: tuple[Row, ...] = ()
    for width in (256, 512):
        rows += (Conv(width=width), BatchNorm(activation="relu"), MaxPool())
    rows += (GlobalPool(),)
    for width in (512, 256):
        rows += (Dense(width=width), BatchNorm(activation="relu"))
    return Recipe(
        name="vgg16-conv",
        note="VGG-16 at 224 pixels, last block trainable; convolutions on its map.",
        network=Network(
            backbone=Backbone(name="vgg16", size=224, pool=False),
            head=Head(rows=(*rows, Classes())),
        ),
        augment=_MIRROR,
        stages=(
            Stage(
                epochs=20,
                train=1,
                batch=64,
                optimiser=AdamW(rate=3e-4, weight_decay=0.05),
                schedule=Cosine(warmup=0.1),
                label_smoothing=0.1,
                layer_decay=0.3,
            ),
        ),
    )


def resnet50_dense() -> Recipe:
    """ResNet-50 on pictures enlarged to 224 inside the model, its last block trainable; its whole
    map goes through dense layers of 256, 128 and 64, batch norm before each.

    Keras's ResNet-50 has a bias in each of its 53 convolutions, 26,560 numbers, and this one none.
    """
    rows: tuple[Row, ...] = (Flatten(), BatchNorm())
    for width in (256, 128, 64):
        rows += (Dense(width=width, activation="relu"), Dropout(rate=0.5), BatchNorm())
    return Recipe(
        name="resnet50-dense",
        note="ResNet-50 at 224 pixels, last block trainable; three dense layers on its map.",
        network=Network(
            backbone=Backbone(name="resnet50", size=224, pool=False),
            head=Head(rows=(*rows, Classes())),
        ),
        augment=_MIRROR,
        stages=(
            replace(_head(epochs=3), batch=64, augment=_UNCHANGED),
            Stage(
                epochs=20,
                train=1,
                batch=32,
                optimiser=RMSProp(rate=1e-5),
                schedule=Constant(warmup=0.01),
                average=0.999,
            ),
        ),
    )


def resnet50_dense_unfrozen() -> Recipe:
    """`resnet50-dense` with every layer unfrozen, for 24 epochs."""
    start = resnet50_dense()
    head, tuned = start.stages
    return replace(
        start,
        name="resnet50-dense-unfrozen",
        note="resnet50-dense with every layer unfrozen.",
        stages=(head, replace(tuned, epochs=24.0, train="all")),
    )


def _one_layer(name: str) -> Network:
    return Network(backbone=Backbone(name=name))


def _inception(*, dropout: float) -> Network:
    return Network(backbone=Backbone(name="inception_v3"), head=Head(rows=_hidden(512, dropout)))


def _hidden(width: int, dropout: float) -> tuple[Row, ...]:
    return (
        Dense(width=width),
        BatchNorm(activation="relu"),
        Dropout(rate=dropout),
        Classes(),
    )


def _head(*, epochs: float) -> Stage:
    return Stage(
        epochs=epochs,
        train="head",
        batch=256,
        optimiser=AdamW(rate=2e-3, weight_decay=0.01),
        schedule=Cosine(warmup=0.05),
        augment=_UNCHANGED,
        label_smoothing=0.1,
    )


def _tuned(*, epochs: float, rate: float = 0.01) -> Stage:
    return Stage(
        epochs=epochs,
        batch=64,
        optimiser=SGD(rate=rate, weight_decay=1e-4),
        schedule=Cosine(warmup=0.1),
        label_smoothing=0.1,
        layer_decay=0.8,
        clip=2.0,
        average=0.999,
    )


def _last_block(*, epochs: float) -> Stage:
    return Stage(
        epochs=epochs,
        train=1,
        batch=64,
        optimiser=Adam(rate=1e-5),
        schedule=Constant(warmup=0.01),
        label_smoothing=0.1,
        average=0.999,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "resnet18": resnet18,
    "resnet50": resnet50,
    "vgg16": vgg16,
    "vgg16-frozen": vgg16_frozen,
    "xception": xception,
    "inception-v3-frozen": inception_v3_frozen,
    "inception-v3-augmented": inception_v3_augmented,
    "inception-v3": inception_v3,
    "inception-v3-dropout": inception_v3_dropout,
    "vgg16-dense": vgg16_dense,
    "vgg16-dense-tuned": vgg16_dense_tuned,
    "vgg16-dense-augmented": vgg16_dense_augmented,
    "vgg16-dense-augmented-tuned": vgg16_dense_augmented_tuned,
    "vgg16-conv": vgg16_conv,
    "resnet50-dense": resnet50_dense,
    "resnet50-dense-unfrozen": resnet50_dense_unfrozen,
}
