"""Confusion matrices for a page: cells to choose where they can be hit, else shades and a list."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CELLS", "Confused", "Confusion", "Square", "confusion"]

CELLS = 24
"""Classes up to which every cell is shown with its number."""

SHADED = 200
"""Classes up to which the rest is shown as shades."""

SHADES = 8
LISTED = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Square:
    """One cell."""

    count: int
    shade: int
    """0, for nothing, to `SHADES`: by the square root of its share of the true class."""

    share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Confused:
    """Two classes, and how often the first was taken for the second."""

    true: int
    predicted: int
    count: int
    share: float
    """Of the pictures of the true class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """What was taken for what."""

    rows: tuple[tuple[Square, ...], ...]
    """Empty where there are too many classes for cells."""

    shades: tuple[tuple[str, int, str], ...]
    """For many classes: kind, shade, and the outline of all cells of this shade as an SVG path."""

    confused: tuple[Confused, ...]
    """The most frequent mistakes."""

    mistakes: int
    kinds: int
    """Different mistakes."""

    def shows(self, true: int, predicted: int) -> bool:
        """Whether this cell stands on the page, to be chosen."""
        listed = ((one.true, one.predicted) for one in self.confused)
        return bool(self.rows) or (true, predicted) in listed


def confusion(counts: Sequence[Sequence[int]]) -> Confusion:
    """The matrix of one contender, rows true and columns predicted."""
    size = len(counts)
    sums = [max(sum(row), 1) for row in counts]
    wrong = [
        Confused(true=i, predicted=j, count=count, share=count / sums[i])
        for i, row in enumerate(counts)
        for j, count in enumerate(row)
        if count and i != j
    ]
    wrong.sort(key=lambda one: (-one.count, one.true, one.predicted))
    squares = tuple(tuple(_square(count, sums[i]) for count in row) for i, row in enumerate(counts))
    return Confusion(
        rows=squares if size <= CELLS else (),
        shades=_shades(squares) if CELLS < size <= SHADED else (),
        confused=tuple(wrong[:LISTED]),
        mistakes=sum(one.count for one in wrong),
        kinds=len(wrong),
    )


def _square(count: int, total: int) -> Square:
    share = count / total
    return Square(count=count, share=share, shade=math.ceil(SHADES * math.sqrt(share)))


def _shades(squares: tuple[tuple[Square, ...], ...]) -> tuple[tuple[str, int, str], ...]:
    paths: dict[tuple[str, int], list[str]] = {}
    for i, row in enumerate(squares):
        for j, square in enumerate(row):
            if square.count:
                kind = "right" if i == j else "wrong"
                paths.setdefault((kind, square.shade), []).append(f"M{j} {i}h1v1h-1z")
    return tuple((kind, shade, "".join(parts)) for (kind, shade), parts in sorted(paths.items()))
