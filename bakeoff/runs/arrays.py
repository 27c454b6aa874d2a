"""Arrays as scikit-learn hands them around, read as pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.decode import fit
from bakeoff.data.scan import in_order
from bakeoff.spec.errors import ArgumentError
from bakeoff.spec.image import Preprocess

__all__ = ["Reading", "flattened", "read", "squares"]

Rows = npt.NDArray[Any]
Pictures = npt.NDArray[np.uint8]

_CHUNK = 1024
_COLOURED = 8
"""From this side on, as many values as a square of three colours has are taken for one."""

_GIVE_SHAPE = "Give shape=(height, width) or shape=(height, width, 3)."


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How numbers become pictures. Settled by the training data, and the same ever after."""

    given: tuple[int, ...]
    """Shape of one input, as it came: (64,), (8, 8), (32, 32, 3)."""

    layout: tuple[int, int, int]
    """Height, width and channels it is laid out in; there may be more places than values."""

    low: float
    """The value that is black."""

    high: float
    """The value that is white."""

    exact: bool
    """Whether they are uint8 already, and stay what they are."""

    def pictures(self, rows: Rows) -> Pictures:
        """N×values to uint8, N×height×width×3. What lies beyond black or white becomes that."""
        if self.exact:
            self._refuse_other_numbers(rows)
        height, width, channels = self.layout
        out = np.zeros((len(rows), height * width * channels), np.uint8)
        for start in range(0, len(rows), _CHUNK):
            piece = rows[start : start + _CHUNK]
            out[start : start + _CHUNK, : piece.shape[1]] = self._levels(piece)
        pictures = out.reshape(-1, height, width, channels)
        return pictures if channels == 3 else pictures.repeat(3, axis=3)

    def _levels(self, piece: Rows) -> npt.NDArray[Any]:
        if self.exact:
            return piece
        if self.high == self.low:
            return np.zeros(piece.shape, np.uint8)
        scaled = (piece.astype(np.float64) - self.low) / (self.high - self.low) * 255
        return np.rint(scaled).clip(0, 255)

    def _refuse_other_numbers(self, rows: Rows) -> None:
        if rows.dtype == np.uint8:
            return
        whole = bool(np.all(rows == np.rint(rows)))
        if not whole or rows.min() < 0 or rows.max() > 255:
            found = f"{rows.dtype}, {rows.min():g} to {rows.max():g}"
            rule = "must be whole numbers from 0 to 255, as in training"
            raise ArgumentError("X", rule, found)


def flattened(x: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Inputs with one axis for their values, and the shape of one where it had more.

    What has two axes (also a data frame or a sparse matrix) is left for scikit-learn to check.
    """
    if isinstance(x, list | tuple):
        x = _array(x)
    if getattr(x, "ndim", 2) <= 2:
        _refuse_texts(x)
        return x, None
    array = _array(x)
    return array.reshape(len(array), math.prod(array.shape[1:])), array.shape[1:]


def read(
    rows: Rows,
    given: tuple[int, ...] | None,
    *,
    shape: tuple[int, ...] | None,
    value_range: tuple[float, float] | None,
) -> Reading:
    """How these training inputs are read. `shape` and `value_range` are what the user says."""
    if given is not None and shape is not None:
        rule = "is for rows of values only; these inputs have a shape of their own"
        raise ArgumentError("shape", rule, shape, f"Leave it out: they are {given}.")
    if given is not None:
        layout = _layout(given, "X")
    elif shape is not None:
        layout = _layout(tuple(shape), "shape")
        if math.prod(shape) != rows.shape[1]:
            rule = f"must hold as many values as a row of X, {rows.shape[1]}"
            raise ArgumentError("shape", rule, shape)
    else:
        layout = _square(rows.shape[1])
    exact = rows.dtype == np.uint8 and value_range is None
    low, high = (0.0, 255.0) if exact else _range(rows, value_range)
    return Reading(given=given or (rows.shape[1],), layout=layout, low=low, high=high, exact=exact)


def squares(pictures: Pictures, preprocess: Preprocess) -> Pictures:
    """The pictures as the squares that a recipe asks for."""
    size = preprocess.size
    if pictures.shape[1:3] == (size, size) and preprocess.keep == 1:
        return pictures
    made: Iterator[Pictures] = in_order(lambda picture: fit(picture, preprocess), iter(pictures))
    return np.stack(list(made))


def _array(x: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(x)
    except ValueError as error:
        rule = f"must be an array, or lists of equal length ({error})"
        raise ArgumentError("X", rule) from None


def _refuse_texts(x: Any) -> None:
    if isinstance(x, np.ndarray) and x.dtype.kind in "US":
        raise ArgumentError(
            "X",
            "must hold pictures as numbers",
            f"texts, such as {x.flat[0]}" if x.size else "texts",
            "For files and folders there are `bakeoff train` and bakeoff.load.",
        )


def _layout(shape: tuple[int, ...], field: str) -> tuple[int, int, int]:
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] not in (1, 3):
        hint = "Channels seem to come first: transpose X." if shape[:1] in ((1,), (3,)) else ""
        rule = "must be height×width, or height×width×channels with 1 or 3 channels"
        raise ArgumentError(f"the shape of a picture in {field}", rule, shape, hint)
    if min(shape) < 1:
        raise ArgumentError(f"the shape of a picture in {field}", "must not be empty", shape)
    height, width, channels = (int(length) for length in shape)
    return height, width, channels


def _square(values: int) -> tuple[int, int, int]:
    """The smallest square that holds so many values."""
    coloured = math.isqrt(values // 3)
    if 3 * coloured**2 == values and coloured >= _COLOURED:
        raise ArgumentError(
            "a row of X",
            f"holds {values} values, as a picture of {coloured}×{coloured} in three colours does, "
            "and does not say whether the colours come first or last",
            suggestion=_GIVE_SHAPE,
        )
    side = math.isqrt(values - 1) + 1
    return side, side, 1


def _range(rows: Rows, value_range: tuple[float, float] | None) -> tuple[float, float]:
    if value_range is not None and (len(value_range) != 2 or not value_range[0] < value_range[1]):
        raise ArgumentError("value_range", "must be two numbers, the lower one first", value_range)
    low, high = (rows.min(), rows.max()) if value_range is None else value_range
    low, high = float(low), float(high)
    if not math.isfinite(high - low):
        rule = "must be small enough to tell apart"
        raise ArgumentError("the values of X", rule, f"{low:g} to {high:g}")
    return low, high
