"""What every source turns into: which pictures there are, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.spec.errors import DataError

__all__ = ["PARTS", "ArrayPictures", "FilePictures", "Listing", "Pictures"]

PARTS = ("train", "val", "test")
"""Parts of a split; an official split names them by their place here."""


@dataclass(frozen=True, kw_only=True)
class FilePictures:
    """Pictures in files below one folder."""

    root: Path
    paths: tuple[str, ...]
    """Relative to `root`, with forward slashes."""

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return self.paths[index]

    def path(self, index: int) -> Path:
        return self.root / self.paths[index]


@dataclass(frozen=True, kw_only=True)
class ArrayPictures:
    """Pictures already decoded, all of one size: uint8, N×H×W×3."""

    array: npt.NDArray[np.uint8]
    label: str = "picture"
    """What one of them is called, before its number."""

    def __post_init__(self) -> None:
        shape = self.array.shape
        assert self.array.dtype == np.uint8, self.array.dtype
        assert len(shape) == 4, shape
        assert shape[3] == 3, shape

    def __len__(self) -> int:
        return len(self.array)

    def name(self, index: int) -> str:
        return f"{self.label} {index}"


Pictures = FilePictures | ArrayPictures


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Labelled pictures, not yet looked at."""

    name: str
    """Short, for titles and file names."""

    pictures: Pictures

    labels: npt.NDArray[np.int64]
    """Class of each picture, as its place in `classes`."""

    classes: tuple[str, ...]

    official: npt.NDArray[np.uint8] | None = None
    """Part of each picture, as its place in `PARTS`, where the source says so."""

    groups: npt.NDArray[np.int64] | None = None
    """Pictures with one number stay on one side of a split."""

    notes: tuple[str, ...] = ()
    """What the user should know of how the source was read, a sentence each."""

    def __post_init__(self) -> None:
        count = len(self.pictures)
        for array in (self.labels, self.official, self.groups):
            assert array is None or array.shape == (count,), (self.name, array.shape, count)
        if count == 0:
            raise DataError(self.name, "holds no pictures")
        self._check_classes()

    def _check_classes(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
            raise DataError(f"classes of {self.name}", "must have different names", twice)
        if self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            bad = int(np.flatnonzero((self.labels < 0) | (self.labels >= len(self.classes)))[0])
            raise DataError(
                f"label of {self.pictures.name(bad)} in {self.name}",
                f"must be between 0 and {len(self.classes) - 1}, as there are "
                f"{len(self.classes)} classes",
                int(self.labels[bad]),
            )
        if len(self.classes) < 2:
            raise DataError(
                f"classes of {self.name}",
                "must be two or more, or there is nothing to tell apart",
                list(self.classes),
                "Add pictures of another class.",
            )
        empty = [name for name, n in zip(self.classes, self.counts, strict=True) if n == 0]
        if empty:
            raise DataError(
                f"class {empty[0]!r} of {self.name}",
                "has no pictures",
                suggestion="Put some in, or take the class away.",
            )

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def counts(self) -> npt.NDArray[Any]:
        """Pictures in each class."""
        return np.bincount(self.labels, minlength=len(self.classes))
