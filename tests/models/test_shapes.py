"""Shapes: what comes out of each row, and the words for what does not fit."""

from __future__ import annotations

import pytest
import torch

from bakeoff.models.build import build
from bakeoff.models.shapes import MisfitError, Shape, after, projection
from bakeoff.spec.network import (
    Attention,
    AvgPool,
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    MaxPool,
    Positions,
    Row,
    Whiten,
)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(8, 8), (9, 12), (7, 31)])
def test_the_shape_of_a_convolution_is_the_one_torch_makes(
    padding: str, kernel: int, stride: int, size: tuple[int, int]
) -> None:
    """Kernel, stride and padding give the same size in arithmetic as in the built network."""
    row = Conv(width=4, kernel=kernel, stride=stride, padding=padding)  # type: ignore[arg-type]
    network = build((row, GlobalPool(), Classes()), size=size, classes=2)
    pictures = torch.zeros(1, 3, *size)
    maps = network[:-2](pictures)
    assert after(row, (3, *size), 2) == tuple(maps.shape[1:])
    if padding == "same":
        assert maps.shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))


@pytest.mark.parametrize(
    ("row", "inputs", "output"),
    [
        (Whiten(), (3, 32, 32), (24, 31, 31)),
        (Whiten(kernel=3), (1, 8, 9), (18, 6, 7)),
        (MaxPool(), (5, 7, 8), (5, 3, 4)),
        (AvgPool(size=3), (5, 7, 9), (5, 2, 3)),
        (GlobalPool(), (5, 7, 9), (5,)),
        (Flatten(), (5, 7, 9), (315,)),
        (Flatten(), (5,), (5,)),
        (Dense(width=6), (5,), (6,)),
        (Classes(), (5,), (10,)),
        (BatchNorm(), (5,), (5,)),
        (Attention(heads=2), (4, 3, 3), (4, 3, 3)),
        (Positions(), (4, 3, 3), (4, 3, 3)),
    ],
)
def test_each_row_makes_its_shape(row: Row, inputs: Shape, output: Shape) -> None:
    """Every kind of row turns a shape into the one its docstring promises."""
    assert after(row, inputs, 10) == output


@pytest.mark.parametrize(
    ("row", "inputs", "message"),
    [
        (
            Conv(width=4, padding="valid"),
            (3, 2, 5),
            "2×5 input is smaller than its 3×3 kernel",
        ),
        (MaxPool(), (3, 1, 1), "1×1 input is smaller than its 2×2 window"),
        (Whiten(kernel=4), (3, 3, 3), "3×3 input is smaller than its 4×4 patch"),
        (Conv(width=4, groups=2), (3, 8, 8), "3 channels cannot be divided into 2 groups"),
        (Attention(heads=4), (6, 8, 8), "6 channels cannot be divided among 4 heads"),
        (
            Dense(width=4),
            (6, 8, 8),
            "needs a vector, and 6 channels of 8×8 come in; "
            "put Flatten() or GlobalPool() before it",
        ),
        (
            Conv(width=4),
            (6,),
            "needs rows and columns, and a vector of 6 comes in; put it earlier",
        ),
    ],
)
def test_what_does_not_fit_says_why(row: Row, inputs: Shape, message: str) -> None:
    """A row that cannot take its input says what comes in and what it needs."""
    with pytest.raises(MisfitError) as caught:
        after(row, inputs, 10)
    assert str(caught.value) == message


def test_a_projection_finds_the_stride() -> None:
    """The way round a body that shrinks the map is a 1×1 convolution of the stride that fits."""
    assert projection((8, 9, 8), (16, 5, 4)) == Conv(width=16, kernel=1, stride=2, bias=False)
    assert projection((8, 9, 9), (16, 9, 9)) == Conv(width=16, kernel=1, bias=False)


def test_a_projection_that_cannot_be_says_why() -> None:
    """A body that cuts the edges off, or makes a vector, cannot be added to its input."""
    with pytest.raises(MisfitError) as cut:
        projection((8, 9, 9), (8, 7, 7))
    assert str(cut.value) == (
        "its body makes 7×7 of 9×9, which no stride does; "
        "use padding='same' in it or give it a shortcut"
    )
    with pytest.raises(MisfitError) as flat:
        projection((8, 9, 9), (8,))
    assert str(flat.value) == (
        "its body makes a vector of 8 of a map of 8 channels of 9×9, which cannot be added; "
        "give it a shortcut that does the same"
    )
