"""The handwritten digits that come with scikit-learn: real scans, no network."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bakeoff.data.listing import ArrayPictures, Listing
from bakeoff.spec.errors import MissingExtraError

__all__ = ["find_digits"]

COUNT, SIDE, WHITE = 1797, 8, 16


def find_digits() -> Listing:
    """All 1797 digits: 8×8, grey values 0 to 16 stretched to 0 to 255."""
    table = _read_table(_table_path())
    values, labels = table[:, :-1], table[:, -1]
    grey = np.rint(values * (255 / WHITE)).astype(np.uint8).reshape(COUNT, SIDE, SIDE, 1)
    return Listing(
        name="digits",
        pictures=ArrayPictures(array=np.repeat(grey, 3, axis=3), label="digit"),
        labels=labels.astype(np.int64),
        classes=tuple(str(digit) for digit in range(10)),
    )


def _table_path() -> Path | None:
    # Importing scikit-learn takes most of a second, and only this one file of it is wanted.
    found = importlib.util.find_spec("sklearn")
    if found is None or found.origin is None:
        raise MissingExtraError("digits", "train")
    path = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    return path if path.is_file() else None


def _read_table(path: Path | None) -> npt.NDArray[np.float64]:
    if path is not None:
        with gzip.open(path, "rt", encoding="ascii") as lines:
            numbers = np.array(lines.read().replace("\n", ",").rstrip(",").split(","), np.float64)
        return numbers.reshape(COUNT, SIDE * SIDE + 1)
    # A scikit-learn that keeps the file elsewhere still knows how to load it.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])
