"""Whether a network takes smaller pictures in training than it is made for."""

from __future__ import annotations

import pytest

from bakeoff.models.shrinking import refuse_unshrinkable
from bakeoff.spec.errors import SpecError
from bakeoff.spec.network import (
    Backbone,
    Classes,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    Head,
    MaxPool,
    Network,
    Positions,
    Row,
)

POOLED: tuple[Row, ...] = (
    Conv(width=4),
    MaxPool(),
    Conv(width=4, padding="valid"),
    GlobalPool(),
    Dense(width=5),
    Classes(),
)


def asked(network: Network, size: int, full: int = 16) -> None:
    """About a stage's size."""
    refuse_unshrinkable(network, full=full, size=size, classes=3, field="Stage.size")


def refusal(network: Network, size: int, full: int = 16) -> str:
    """What is said to it."""
    with pytest.raises(SpecError) as caught:
        asked(network, size, full)
    return str(caught.value)


def test_what_pools_its_map_takes_other_sizes() -> None:
    """A table that ends in a pool, and a convolutional backbone; full size always fits."""
    asked(Network(rows=POOLED), 6)
    asked(Network(backbone=Backbone(name="test_resnet", weights="random", size=32)), 24)
    asked(Network(rows=(Flatten(), Classes())), 16)


def test_the_row_that_is_too_large_is_named() -> None:
    """With the stage that asked for the size, and a size that would do."""
    assert refusal(Network(rows=POOLED), 4) == (
        "Stage.size, 4 pixels: row 3, Conv(width=4, padding='valid'): 2×2 input is smaller than "
        "its 3×3 kernel; the pictures are 4×4, so drop a pool or pass size=8."
    )


def test_pictures_are_not_enlarged() -> None:
    """The limit is what the network sees: the pictures, or what a backbone makes of them."""
    assert refusal(Network(rows=POOLED), 17) == (
        "Stage.size must be at most the 16 pixels that the network sees, but is 17."
    )
    asked(Network(backbone=Backbone(name="test_resnet", weights="random", size=32)), 32)


def test_rows_made_for_one_size_are_named() -> None:
    """Rows whose weights depend on the size cannot see two of them."""
    flat = Network(rows=(Conv(width=4), Flatten(), Dense(width=5), Classes()))
    assert refusal(flat, 8) == (
        "Stage.size, 8 pixels: row 2, Flatten(): makes 256 numbers of each smaller picture and "
        "1024 of a full one. Put GlobalPool() in its place, or train at full size."
    )
    placed = Network(rows=(Conv(width=4), Positions(), GlobalPool(), Classes()))
    assert refusal(placed, 8) == (
        "Stage.size, 8 pixels: row 2, Positions(): has a vector for each of 256 places, and a "
        "smaller picture has 64. Train at full size."
    )
    deep = Backbone(name="test_resnet", weights="random", size=64, pool=False)
    head = Head(rows=(Flatten(), Classes()))
    assert "row 2, Flatten(): makes" in refusal(Network(backbone=deep, head=head), 32)


def test_a_backbone_made_for_one_size_is_named() -> None:
    """A transformer's places are counted when it is made."""
    fixed = Network(backbone=Backbone(name="test_vit", weights="random", size=32))
    assert refusal(fixed, 16) == (
        "Stage.size, 16 pixels: test_vit takes pictures of 32 pixels and no others."
    )
