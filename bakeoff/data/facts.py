"""What can be counted and measured in a dataset; what to make of it is the audit's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bakeoff.data.dataset import Broken, Dataset
from bakeoff.data.duplicates import Duplicates, exact, near
from bakeoff.data.likeness import flat
from bakeoff.data.splits import cuts_test

__all__ = ["TINY", "Facts", "Odd", "Sizes", "Spread", "measure"]

LISTED = 50
"""At most this many odd pictures of a kind are named; all are counted."""

TINY = 24
"""Pixels of the shorter side below which a picture is tiny, where others are larger."""

HUGE = 25_000_000
"""Pixels from which a picture is huge: its decoding takes most of a second."""

ELONGATED = 3.0
"""Longer side over shorter side from which a picture is elongated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Smallest, middle and largest of some numbers."""

    min: int
    median: float
    max: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How large the pictures are, in pixels, upright."""

    widths: Spread
    heights: Spread
    distinct: int
    """How many different sizes there are."""

    not_square: int
    modes: dict[str, int]
    """Pictures of each pixel layout, by Pillow's name for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Odd:
    """Pictures that are unlike the rest in one way."""

    count: int
    places: tuple[int, ...]
    names: tuple[str, ...]
    """Of the first few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """A dataset in numbers."""

    name: str
    digest: str
    pictures: int
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    """Pictures of each class, by part."""

    imbalance: float
    """Largest class over smallest, all parts together."""

    sizes: Sizes
    broken: tuple[Broken, ...]
    exact: Duplicates
    near: Duplicates
    near_limit: float
    """The largest distance that counted as near in this dataset."""

    tiny: Odd
    huge: Odd
    elongated: Odd
    blank: Odd
    cut: bool
    """Whether the test part was cut here, near-duplicates kept together; else it came with the
    pictures."""

    notes: tuple[str, ...]
    """How the pictures were read and compared, where that needs saying."""


def measure(dataset: Dataset) -> Facts:
    """Count and measure."""
    seen = dataset.scan
    short = np.minimum(seen.widths, seen.heights)
    long = np.maximum(seen.widths, seen.heights)
    totals = np.bincount(dataset.labels, minlength=len(dataset.classes))
    area = seen.widths.astype(np.int64) * seen.heights
    return Facts(
        name=dataset.name,
        digest=dataset.digest,
        pictures=len(dataset),
        classes=dataset.classes,
        counts={part: tuple(counts.tolist()) for part, counts in dataset.counts().items()},
        imbalance=round(float(totals.max() / totals.min()), 2),
        sizes=_sizes(dataset),
        broken=dataset.broken,
        exact=exact(dataset),
        near=near(dataset),
        near_limit=dataset.near.limit,
        tiny=_odd(dataset, (short < TINY) & (np.median(short) >= 2 * TINY)),
        huge=_odd(dataset, area >= HUGE),
        elongated=_odd(dataset, long >= ELONGATED * short),
        blank=_odd(dataset, flat(seen.thumbs)),
        cut=cuts_test(dataset.plan, dataset.listing.official),
        notes=dataset.notes + ((dataset.near.note,) if dataset.near.note else ()),
    )


def _sizes(dataset: Dataset) -> Sizes:
    widths, heights = dataset.scan.widths, dataset.scan.heights
    return Sizes(
        widths=_spread(widths),
        heights=_spread(heights),
        distinct=len(np.unique(np.stack([widths, heights]), axis=1).T),
        not_square=int((widths != heights).sum()),
        modes=dict(Counter(dataset.scan.modes).most_common()),
    )


def _spread(values: npt.NDArray[np.int32]) -> Spread:
    return Spread(min=int(values.min()), median=float(np.median(values)), max=int(values.max()))


def _odd(dataset: Dataset, which: npt.NDArray[np.bool_]) -> Odd:
    places = np.flatnonzero(which)
    few = tuple(places[:LISTED].tolist())
    return Odd(
        count=len(places), places=few, names=tuple(dataset.pictures.name(place) for place in few)
    )
