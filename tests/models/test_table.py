"""Tables: rows in their places, and errors that name the place."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bakeoff.models.table import flat, layers, tabulate, tabulate_head, text, total
from bakeoff.spec.errors import SpecError
from bakeoff.spec.network import (
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    MaxPool,
    Residual,
    Row,
)

_THREE_POOLS: tuple[Row, ...] = (
    Conv(width=8),
    MaxPool(),
    MaxPool(),
    MaxPool(),
    Conv(width=16, padding="valid"),
    GlobalPool(),
    Classes(),
)


def test_a_row_that_does_not_fit_is_named_with_the_way_out() -> None:
    """Too small a picture names row, input, kernel, picture size, and a size that would do."""
    with pytest.raises(SpecError) as caught:
        tabulate(_THREE_POOLS, size=8, classes=10)
    assert str(caught.value) == (
        "row 5, Conv(width=16, padding='valid'): 1×1 input is smaller than its 3×3 kernel; "
        "the pictures are 8×8, so drop a pool or pass size=32."
    )


def test_the_size_that_is_suggested_works() -> None:
    """The size in the message is one that the same rows fit."""
    assert tabulate(_THREE_POOLS, size=32, classes=10)[-1].output == (10,)


def test_a_first_row_larger_than_the_picture_is_not_blamed_on_a_pool() -> None:
    """Where nothing has shrunk the map before, no pool is there to drop."""
    rows = (Conv(width=8, kernel=9, padding="valid"), GlobalPool(), Classes())
    with pytest.raises(SpecError) as caught:
        tabulate(rows, size=(8, 12), classes=10)
    assert str(caught.value) == (
        "row 1, Conv(width=8, kernel=9, padding='valid'): 8×12 input is smaller than its 9×9 "
        "kernel; the pictures are 8×12, so make it smaller or pass size=16."
    )


def test_a_row_no_size_can_save_gets_no_size() -> None:
    """Where no usual size fits, none is suggested."""
    rows = (Conv(width=8), *(MaxPool(size=8),) * 4, GlobalPool(), Classes())
    with pytest.raises(SpecError) as caught:
        tabulate(rows, size=8, classes=10)
    assert str(caught.value) == (
        "row 3, MaxPool(size=8): 1×1 input is smaller than its 8×8 window; "
        "the pictures are 8×8, so drop a pool."
    )


def test_a_row_inside_a_residual_row_is_named_by_its_place() -> None:
    """Rows of a body and of a shortcut carry the number of the residual row they are in."""
    body = (Conv(width=8), Conv(width=9, groups=3))
    with pytest.raises(SpecError) as caught:
        tabulate((Residual(body=body), GlobalPool(), Classes()), size=8, classes=10)
    assert str(caught.value) == (
        "row 1.2, Conv(width=9, groups=3): 8 channels cannot be divided into 3 groups."
    )
    residual = Residual(body=(Conv(width=8),), shortcut=(Dense(width=8),))
    with pytest.raises(SpecError, match=r"^row 1\.s1, Dense\(width=8\): needs a vector"):
        tabulate((residual, GlobalPool(), Classes()), size=8, classes=10)


def test_a_shortcut_that_disagrees_with_its_body_is_refused() -> None:
    """Body and shortcut must end in one shape."""
    residual = Residual(body=(Conv(width=8),), shortcut=(Conv(width=9),))
    with pytest.raises(SpecError) as caught:
        tabulate((residual, GlobalPool(), Classes()), size=8, classes=10)
    assert str(caught.value) == (
        "row 1, Residual(body=…, shortcut=…): its body makes 8×8×8 and its shortcut 9×8×8; "
        "they must agree to be added."
    )


def test_a_head_that_does_not_fit_names_the_features() -> None:
    """A head is told about the features it gets; the backbone before it is row 1."""
    rows = (MaxPool(), MaxPool(), MaxPool(), GlobalPool(), Classes())
    with pytest.raises(SpecError) as caught:
        tabulate_head(rows, features=(512, 7, 7), classes=10)
    assert str(caught.value) == (
        "row 4, MaxPool(): 1×1 input is smaller than its 2×2 window; "
        "the backbone's features are 7×7, so drop a pool."
    )


def test_one_class_is_refused() -> None:
    """A classifier of one class is an error, not a network."""
    with pytest.raises(SpecError) as caught:
        tabulate(_THREE_POOLS, size=32, classes=1)
    assert str(caught.value) == (
        "classes must be 2 or more, but is 1. A classifier needs something to choose between."
    )


def test_a_size_of_nothing_is_refused() -> None:
    """A picture has at least one pixel a side."""
    with pytest.raises(SpecError) as caught:
        tabulate(_THREE_POOLS, size=(32, 0), classes=10)
    assert str(caught.value) == "size must be greater than 0, but is 0."


def test_lines_come_in_reading_order() -> None:
    """A residual row is followed by its body and then by the way round it, added where needed."""
    block = Residual(body=(Conv(width=4, stride=2), BatchNorm()))
    lines = tabulate((block, GlobalPool(), Classes()), size=8, classes=3)
    assert [line.number for line in flat(lines)] == ["1", "1.1", "1.2", "1.s1", "2", "3"]
    assert lines[0].output == (4, 4, 4)
    assert layers(lines) == 5
    assert layers(lines, Conv) == 2
    assert layers(lines, Dense) == 1


def test_a_residual_row_that_keeps_the_shape_adds_its_input_as_it_is() -> None:
    """No convolution is put on the way round where none is needed."""
    lines = tabulate((Residual(body=(Conv(width=3),)), Flatten(), Classes()), size=8, classes=3)
    assert lines[0].shortcut == ()


def test_the_total_is_the_sum_of_all_lines() -> None:
    """Nested rows count once."""
    block = Residual(body=(Conv(width=4, kernel=1, bias=False),))
    lines = tabulate((block, GlobalPool(), Classes(bias=False)), size=8, classes=5)
    assert total(lines).parameters.trained == 3 * 4 + 3 * 4 + 4 * 5


def test_text_shows_what_differs_from_the_default() -> None:
    """A row reads as one would write it."""
    assert text(Conv(width=8, kernel=5)) == "Conv(width=8, kernel=5)"
    assert text(Flatten()) == "Flatten()"
    assert text(Residual(body=(Flatten(),), activation="relu")) == (
        "Residual(body=…, activation='relu')"
    )


def test_tables_need_no_torch() -> None:
    """Showing a recipe's table must stay quick: nothing on the way to it imports torch."""
    code = "import sys, bakeoff.models.table; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
