"""How arrays are read as pictures."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.runs.arrays import Reading, flattened, read, squares
from bakeoff.spec.errors import ArgumentError
from bakeoff.spec.image import Preprocess


def reading(
    x: object,
    *,
    shape: tuple[int, ...] | None = None,
    value_range: tuple[float, float] | None = None,
) -> Reading:
    """How `x` is read as training data."""
    rows, given = flattened(x)
    return read(rows, given, shape=shape, value_range=value_range)


def grey(reading: Reading, rows: object) -> list[object]:
    """The pictures of `rows` as nested lists, their red channel alone."""
    found: list[object] = reading.pictures(np.asarray(rows))[..., 0].tolist()
    return found


@pytest.mark.parametrize(
    ("values", "layout"),
    [(1, (1, 1, 1)), (2, (2, 2, 1)), (10, (4, 4, 1)), (64, (8, 8, 1)), (65, (9, 9, 1))],
)
def test_rows_fill_the_smallest_square(values: int, layout: tuple[int, ...]) -> None:
    """Rows of values are laid out in the smallest grey square that holds them."""
    assert reading(np.ones((3, values))).layout == layout


def test_what_a_row_lacks_is_black() -> None:
    """Places of the square without a value are black, and the order is that of the row."""
    rows = np.array([[1.0, 2.0, 3.0], [3.0, 3.0, 3.0]])
    assert grey(reading(rows), rows) == [[[0, 128], [255, 0]], [[255, 255], [255, 0]]]


def test_numbers_are_scaled_by_the_training_data() -> None:
    """The training data's least value is black, its greatest white; later ones are cut off."""
    made = reading(np.array([[0.0, 16.0, 4.0, 8.0]]))
    assert (made.low, made.high) == (0.0, 16.0)
    assert grey(made, [[0, 4, 16, 99], [-5, 2, 8, 15]]) == [
        [[0, 64], [255, 255]],
        [[0, 32], [128, 239]],
    ]


def test_the_ends_can_be_given() -> None:
    """`value_range` takes the place of the least and greatest value, for uint8 as well."""
    rows = np.array([[0, 100, 200, 50]], np.uint8)
    assert grey(reading(rows, value_range=(0, 100)), rows) == [[[0, 255], [255, 128]]]


def test_flat_data_is_black() -> None:
    """Data of one single value become black pictures, not a division by zero."""
    assert grey(reading(np.full((1, 4), 7.0)), np.full((1, 4), 7.0)) == [[[0, 0], [0, 0]]]


def test_uint8_is_taken_as_it_is() -> None:
    """Pictures in uint8 keep their values to the bit, in three channels."""
    x = np.random.default_rng(0).integers(0, 200, (5, 6, 4, 3), dtype=np.uint8)
    rows, given = flattened(x)
    made = read(rows, given, shape=None, value_range=None)
    assert made.given == (6, 4, 3)
    np.testing.assert_array_equal(made.pictures(rows), x)
    plain, given = flattened(x[..., 0])
    pictures = read(plain, given, shape=None, value_range=None).pictures(plain)
    np.testing.assert_array_equal(pictures, x[..., :1].repeat(3, axis=3))


def test_bytes_are_not_mixed_with_fractions() -> None:
    """After training on uint8, fractions are refused: they would all be nearly black."""
    made = reading(np.zeros((2, 4), np.uint8))
    assert grey(made, np.full((1, 4), 255)) == [[[255, 255], [255, 255]]]
    with pytest.raises(ArgumentError, match="X must be whole numbers from 0 to 255, as in train"):
        made.pictures(np.full((1, 4), 0.5))
    with pytest.raises(ArgumentError, match="but is 'int64, 256 to 256'"):
        made.pictures(np.full((1, 4), 256))


def test_many_rows_come_out_in_order() -> None:
    """Rows are converted some at a time, and stay what and where they were."""
    rows = np.arange(5000, dtype=np.float64)[:, None] % 256
    assert reading(rows).pictures(rows)[:, 0, 0, 0].tolist() == rows[:, 0].tolist()


def test_lists_are_arrays() -> None:
    """Nested lists are read like the arrays they stand for."""
    rows, given = flattened([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    assert given == (2, 2)
    assert rows.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    with pytest.raises(ArgumentError, match="X must be an array, or lists of equal length"):
        flattened([[1, 2], [3]])


def test_shape_says_how_rows_are_laid_out() -> None:
    """Rows with a given shape are pictures of that shape, colours last."""
    rows = np.arange(2 * 18, dtype=np.uint8).reshape(2, 18)
    made = reading(rows, shape=(2, 3, 3))
    np.testing.assert_array_equal(made.pictures(rows), rows.reshape(2, 2, 3, 3))
    assert reading(rows, shape=(3, 6)).layout == (3, 6, 1)


@pytest.mark.parametrize(
    ("x", "shape", "message"),
    [
        (np.zeros((2, 12)), (3, 3), "shape must hold as many values as a row of X, 12, but is"),
        (np.zeros((2, 3, 4)), (3, 4), "shape is for rows of values only; these inputs have"),
        (np.zeros((2, 12)), (12,), "the shape of a picture in shape must be height×width"),
        (np.zeros((2, 3, 8, 8)), None, "Channels seem to come first: transpose X."),
        (np.zeros((2, 8, 8, 4)), None, "in X must be height×width, or height×width×channels with"),
        (np.zeros((2, 8, 0)), None, "the shape of a picture in X must not be empty"),
        (np.zeros((2, 3072)), None, "a row of X holds 3072 values, as a picture of 32×32 in three"),
        (np.array([[-1e308, 1e308]]), None, "the values of X must be small enough to tell apart"),
        (
            np.array(["a.png", "b.png"]),
            None,
            "X must hold pictures as numbers, but is 'texts, such as a.png'",
        ),
    ],
)
def test_other_shapes_are_refused(x: object, shape: tuple[int, ...] | None, message: str) -> None:
    """What cannot be told to be a picture is an error that says why."""
    with np.errstate(over="ignore"), pytest.raises(ArgumentError) as caught:
        reading(x, shape=shape)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("ends", [(1.0, 1.0), (2.0, 1.0), (1.0,)])
def test_ends_are_in_order(ends: tuple[float, float]) -> None:
    """A range needs a lower and an upper end."""
    with pytest.raises(ArgumentError, match="value_range must be two numbers, the lower one first"):
        reading(np.zeros((2, 4)), value_range=ends)


def test_squares_are_made_by_the_recipe() -> None:
    """Pictures of another size or shape are fitted as preprocessing says, in order."""
    pictures = np.zeros((20, 4, 8, 3), np.uint8)
    pictures[:] = np.arange(20, dtype=np.uint8)[:, None, None, None]
    made = squares(pictures, Preprocess(size=6, fit="crop"))
    assert made.shape == (20, 6, 6, 3)
    assert made[:, 0, 0, 0].tolist() == list(range(20))
    assert squares(pictures[:, :, :4], Preprocess(size=4)) is not None
    assert np.shares_memory(squares(pictures[:, :, :4], Preprocess(size=4)), pictures)
