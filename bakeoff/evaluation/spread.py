"""How far a mean over seeds and pictures may lie from the truth, when both are samples.

Seeds and pictures are crossed: every run of a contender sees the same pictures. So the variance of
a mean has a part from pictures, which averaging over seeds leaves, a part from seeds, which more
pictures leave, and a rest that both bring down. The rest is in the variance over pictures and again
in that over seeds, and is counted once. docs/decisions/statistics.md has what was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import chdtri, ndtri, stdtrit

__all__ = ["Crossed", "Seeds", "Spread", "crossed"]

Floats = npt.NDArray[np.float64]

_MANY = 1e7
"""Degrees of freedom from which on Student's distribution is the normal one."""

_LEAST_P = 1e-12
"""Below this a p-value is not told from zero."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeds:
    """What the seeds of one contender tell."""

    variance: float
    """Of the mean over its seeds, as their values differ: the rest is in it."""

    rest: float
    """The part of it that the pictures' variance holds too."""

    degrees: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """The variance of an estimate, in parts that are known differently well."""

    pictures: float
    """From pictures, with the rest; known from hundreds of pictures, so taken for exact."""

    seeds: tuple[Seeds, ...] = ()
    """For each contender with several."""

    @property
    def variance(self) -> float:
        """Of the estimate. Fewer than no seed effects there cannot be."""
        return self.pictures + max(self._between - sum(one.rest for one in self.seeds), 0.0)

    @property
    def _between(self) -> float:
        return sum(one.variance for one in self.seeds)

    def half_width(self, alpha: float) -> float:
        """Half of an interval that misses with probability `alpha`."""
        return float(self.half_widths(alpha, np.ones(1))[0])

    def half_widths(self, alpha: float, found: Floats) -> Floats:
        """The same, if the seeds' variance had been found that many times as large.

        With few seeds Satterthwaite's t is too narrow where seeds matter much, and the sum of a
        normal and a t distribution too wide where they matter little. Their geometric mean keeps
        its word over the whole range, as simulated.
        """
        normal = -float(ndtri(alpha / 2))
        between = self._between * found
        if self._between == 0:
            return np.full_like(found, normal * math.sqrt(self.pictures))
        rest = sum(one.rest for one in self.seeds)
        square = sum(one.variance**2 / one.degrees for one in self.seeds) * found**2
        variance = self.pictures + np.maximum(between - rest, 0)
        narrow = _t(alpha, variance**2 / square) ** 2 * variance
        excess = _t(alpha, between**2 / square) ** 2 * between - normal**2 * rest
        wide = normal**2 * self.pictures + np.maximum(excess, 0)
        return np.asarray((narrow * wide) ** 0.25)

    def likely(self, count: int) -> Floats:
        """How many times as large the seeds' variance may be found as it is: equally likely cases
        with their mean at 1."""
        if self._between == 0:
            return np.ones(1)
        square = sum(one.variance**2 / one.degrees for one in self.seeds)
        degrees = self._between**2 / square
        return np.asarray(chdtri(degrees, 1 - (np.arange(count) + 0.5) / count) / degrees)

    def p(self, distance: float) -> float:
        """The probability of an interval that just reaches as far as `distance`."""
        if distance <= 0:
            return 1.0

        def beyond(log_p: float) -> float:
            return self.half_width(math.exp(log_p)) - distance

        least = math.log(_LEAST_P)
        if beyond(least) <= 0:
            return _LEAST_P
        return math.exp(float(brentq(beyond, least, 0.0, xtol=1e-6)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossed:
    """Seeds × pictures of one contender, taken apart."""

    mean: Floats
    """Of each picture over seeds."""

    seeds: int
    between: float
    """Variance of a run's mean over pictures."""

    rest: float
    """Variance of one picture in one run, beyond what picture and run explain."""

    fixed: bool = False
    """Nothing in it is random: another run would say the same."""

    def shares(self, pictures: int, seeds: int | None = None) -> Seeds:
        """What the seeds tell of the mean; `seeds` where there are other than were seen."""
        count = seeds or self.seeds
        return Seeds(
            variance=self.between / count,
            rest=self.rest / (pictures * count),
            degrees=self.seeds - 1,
        )


def crossed(values: npt.NDArray[np.bool_] | Floats, *, fixed: bool = False) -> Crossed:
    """Seeds × pictures, taken apart; of one seed only the pictures can be. Where nothing is random
    (`fixed`) and runs are indeed the same, they are one run that was repeated."""
    table = np.atleast_2d(values).astype(np.float64)
    fixed = fixed and bool((table == table[0]).all())
    table = table[:1] if fixed else table
    seeds, pictures = table.shape
    mean, runs = table.mean(0), table.mean(1)
    if seeds == 1:
        return Crossed(mean=mean, seeds=1, between=0.0, rest=0.0, fixed=fixed)
    left = table - mean - runs[:, None] + table.mean()
    degrees = (seeds - 1) * max(pictures - 1, 1)
    return Crossed(
        mean=mean,
        seeds=seeds,
        between=float(runs.var(ddof=1)),
        rest=float((left**2).sum()) / degrees,
    )


def _t(alpha: float, degrees: Floats) -> Floats:
    return np.asarray(-stdtrit(np.minimum(degrees, _MANY), alpha / 2))
