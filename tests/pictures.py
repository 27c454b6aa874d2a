"""Small real pictures for tests: scikit-learn's scanned digits, saved as files."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_digits

__all__ = ["digit", "encoded", "folder_of_digits", "photograph"]


@cache
def _digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    found = load_digits()
    return np.round(found.images * 255 / 16).astype(np.uint8), found.target


def digit(number: int, *, side: int = 24) -> Image.Image:
    """The digit at a place of the collection, in grey, enlarged."""
    return Image.fromarray(_digits()[0][number]).resize((side, side), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def photograph(width: int, height: int, *, seed: int = 0) -> Image.Image:
    """A colour picture with smooth structure at every scale, as photographs have."""
    random = np.random.default_rng(seed)
    canvas = np.zeros((height, width, 3))
    for cells in (3, 7, 15, 31):
        coarse = random.random((cells, cells, 3)) * 255
        layer = Image.fromarray(coarse.astype(np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        canvas += np.asarray(layer) / 4
    return Image.fromarray(canvas.astype(np.uint8))


def folder_of_digits(root: Path, *, per_class: int = 10, classes: int = 3, side: int = 24) -> Path:
    """A folder of class folders `0`, `1`, … of PNG files."""
    labels = _digits()[1]
    for label in range(classes):
        below = root / str(label)
        below.mkdir(parents=True)
        for place in np.flatnonzero(labels == label)[:per_class].tolist():
            (below / f"{place:04d}.png").write_bytes(encoded(digit(place, side=side)))
    return root
