"""Pictures made small for a page, each once, and no more than the page has room for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bakeoff.data.dataset import Dataset
from bakeoff.data.decode import decode, fit
from bakeoff.data.encode import data_uri
from bakeoff.data.listing import ArrayPictures
from bakeoff.spec.image import Preprocess

__all__ = ["Thumbnail", "Thumbnails", "thumbnail"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Thumbnail:
    """One picture in small."""

    source: str
    """An address that holds the picture itself."""

    width: int
    height: int
    name: str
    label: str
    small: bool
    """It has fewer pixels than it is shown with, so they are to be seen."""


def thumbnail(
    dataset: Dataset, place: int, *, side: int, quality: int, small_quality: int = 100
) -> Thumbnail:
    """The picture at `place` with a longest side of `side` pixels on the page.

    One that has fewer is kept at its own size. `small_quality` is for these, `quality` for others.
    """
    width, height = int(dataset.scan.widths[place]), int(dataset.scan.heights[place])
    scale = side / max(width, height)
    small = scale >= 1
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    if small:
        source = data_uri(dataset.picture(place), "webp", quality=small_quality)
    else:
        source = data_uri(_square(dataset, place, side), "webp", quality=quality, size=size)
    return Thumbnail(
        source=source,
        width=size[0],
        height=size[1],
        name=dataset.pictures.name(place),
        label=dataset.classes[dataset.labels[place]],
        small=small,
    )


def _square(dataset: Dataset, place: int, side: int) -> npt.NDArray[np.uint8]:
    # A square for now: one decoding, at the size that is needed.
    shape = Preprocess(size=side, fit="stretch", interpolation="area")
    pictures = dataset.pictures
    if isinstance(pictures, ArrayPictures):
        return fit(pictures.array[place], shape)
    return decode(pictures.path(place), shape, name=pictures.name(place))


@dataclass(kw_only=True)
class Thumbnails:
    """A growing list of pictures, each made when it is first asked for."""

    dataset: Dataset
    room: int
    """Characters that their addresses may take in all."""

    side: int
    quality: int = 78
    small_quality: int = 90
    listed: list[Thumbnail] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)

    def number(self, place: int) -> int | None:
        """Where the picture at `place` stands in `listed`; None when there is no room for it."""
        if place not in self._numbers:
            if self.room <= 0:
                return None
            made = thumbnail(
                self.dataset,
                place,
                side=self.side,
                quality=self.quality,
                small_quality=self.small_quality,
            )
            self.room -= len(made.source)
            self._numbers[place] = len(self.listed)
            self.listed.append(made)
        return self._numbers[place]

    def get(self, place: int) -> Thumbnail | None:
        """The picture at `place`, if there is room for it."""
        number = self.number(place)
        return None if number is None else self.listed[number]
