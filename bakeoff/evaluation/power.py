"""How many more pictures or seeds would tell two contenders apart, or tell that they are tied."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from bakeoff.evaluation.phrases import count
from bakeoff.evaluation.spread import Seeds, Spread

__all__ = ["Need", "Parts", "needed"]

_CASES = 16
"""In how many ways few seeds may show their variance, all equally likely."""

_MOST_PICTURES = 10_000_000
_MOST_SEEDS = 100
"""Beyond these an answer helps nobody."""

_TIMES = 100
"""What so many times the pictures would tell, these are too few to foretell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What would have to be added; None where more of it alone cannot tell."""

    pictures: int | None
    seeds: int | None
    far: bool = False
    """More pictures would tell, so many more that no number is worth giving."""

    @property
    def words(self) -> str:
        """As in 4,300 more pictures or 2 more seeds; nothing where no number can be given."""
        ways = [] if self.pictures is None else [count(self.pictures, "more picture")]
        return " or ".join(
            [*ways, *([] if self.seeds is None else [count(self.seeds, "more seed")])]
        )

    @property
    def sentence(self) -> str:
        """What would tell, without its full stop."""
        if self.words:
            return f"About {self.words} would tell"
        if self.far:
            return "It would take far more than a hundred times these pictures to tell"
        return "No more pictures or seeds alone would tell"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What the variance of a difference is made of, for one picture and one run."""

    pictures: int
    seeds: int
    picture: float
    """From picture to picture, the same in every run."""

    rest: tuple[float, ...] = ()
    """From picture to picture, other in every run; one for each contender. Empty for one seed,
    where it is in `picture` and cannot be told from it."""

    run: tuple[float, ...] = ()
    """From run to run, beyond that; one for each contender."""

    @property
    def spread(self) -> Spread:
        """What is to be expected with this many pictures and seeds."""
        both = self.pictures * self.seeds
        # A single run has borrowed its variance, from two runs at the least.
        degrees = max(self.seeds - 1, 1)
        seeds = (
            Seeds(variance=run / self.seeds + rest / both, rest=rest / both, degrees=degrees)
            for run, rest in zip(self.run, self.rest, strict=True)
        )
        return Spread(
            pictures=self.picture / self.pictures + sum(self.rest) / both,
            seeds=tuple(one for one in seeds if one.variance > 0),
        )


def needed(
    parts: Parts,
    difference: float,
    *,
    margin: float,
    level: float = 0.95,
    alpha: float | None = None,
    power: float = 0.8,
) -> Need:
    """What gives an answer with probability `power`, were all as it was seen.

    Either answer will do: a difference that is significant at `alpha`, what Holm's correction
    leaves this pair, or an interval within the margin.
    """

    def told(parts: Parts) -> bool:
        spread = parts.spread
        found = spread.likely(_CASES)
        # An exact test is short of the approximate one by half a picture to either side.
        step = 0.0 if parts.run else 1 / parts.pictures
        beyond = abs(difference) - step - spread.half_widths(alpha or 1 - level, found)
        room = np.maximum(margin - spread.half_widths(1 - level, found), 0)
        error = math.sqrt(spread.variance)
        better = ndtr(beyond / error).mean()
        tied = ndtr((room - difference) / error) - ndtr((-room - difference) / error)
        return bool(max(better, tied.mean()) >= power)

    def enough(pictures: int) -> bool:
        return told(replace(parts, pictures=pictures))

    most = max(min(_TIMES * parts.pictures, _MOST_PICTURES), parts.pictures + 1)
    pictures = _least(enough, parts.pictures, most)
    seeds = None
    if parts.run:
        seeds = _least(lambda count: told(replace(parts, seeds=count)), parts.seeds, _MOST_SEEDS)
    return Need(
        pictures=None if pictures is None else _rounded(pictures - parts.pictures),
        seeds=None if seeds is None else seeds - parts.seeds,
        far=pictures is None and enough(_MOST_PICTURES),
    )


def _least(enough: Callable[[int], bool], have: int, most: int) -> int | None:
    """The least number above `have` that is enough, to half a percent."""
    low, high = have, have + 1
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > max(high // 200, 1):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _rounded(count: int) -> int:
    """Up to two figures: an estimate from an estimate bears no more."""
    unit = int(10 ** max(len(str(count)) - 2, 0))
    return -(-count // unit) * unit
