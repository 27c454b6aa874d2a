"""A number with how far it may lie from the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from bakeoff.evaluation.predictions import Predictions
from bakeoff.evaluation.spread import Floats, Seeds, Spread, crossed
from bakeoff.evaluation.statistic import Statistic, Sums

__all__ = ["Interval", "accuracy", "bootstrap", "clustered", "wilson"]

_AT_ONCE = 4_000_000
"""Weights that are floats at one time: 32 MB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A measured value, its limits, and what they rest on."""

    value: float
    low: float
    high: float
    n: int
    """Pictures."""

    seeds: int
    level: float
    method: str
    """`wilson`: a share of one run's pictures. `crossed`: over seeds and pictures. `bootstrap`:
    pictures drawn again, and seeds where there are several. `clustered`: of pictures that were
    looked at several times."""


def wilson(hits: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share."""
    assert 0 <= hits <= n, (hits, n)
    assert n > 0
    low, high = _score(hits / n, n, _normal(level))
    return Interval(value=hits / n, low=low, high=high, n=n, seeds=1, level=level, method="wilson")


def clustered(shares: Floats, level: float = 0.95) -> Interval:
    """The mean of what each picture has, from 0 to 1: right in so many of the looks at it.

    Looks at one picture are no pictures of their own: what varies is from picture to picture.
    """
    n, value = len(shares), float(shares.mean())
    # Very few pictures can seem not to vary at all.
    least = value * (1 - value) / max(n, 1) ** 2
    variance = max(float(shares.var(ddof=1)) / n if n > 1 else 0.0, least)
    low, high = _bounded(value, Spread(pictures=variance), n, level)
    return Interval(value=value, low=low, high=high, n=n, seeds=1, level=level, method="clustered")


def accuracy(correct: npt.NDArray[np.bool_], level: float = 0.95) -> Interval:
    """Accuracy over pictures, or seeds × pictures, as of one more run on other pictures.

    With several seeds: Wilson's interval with the number of pictures that would vary as much.
    """
    table = np.atleast_2d(correct)
    seeds, n = table.shape
    if seeds == 1:
        return wilson(int(table.sum()), n, level)
    parts = crossed(table)
    value = float(table.mean())
    # Runs that shared nothing would vary least; very few pictures can seem to vary less.
    pictures = max(float(parts.mean.var()), value * (1 - value) / seeds) / n
    spread = Spread(pictures=pictures, seeds=(parts.shares(n),))
    low, high = _bounded(value, spread, n, level)
    return Interval(
        value=value, low=low, high=high, n=n, seeds=seeds, level=level, method="crossed"
    )


def bootstrap(
    statistic: Statistic,
    tables: Sequence[Predictions],
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """The mean of `statistic` over runs on the same pictures, one table for each seed.

    Pictures are drawn again, the same for all runs, which tells what pictures add to the variance
    and how much of it runs share. Seeds are too few to be drawn again (of three, one draw in nine
    has a single run): their own variance is added, as for accuracy.
    """
    n, count = len(tables[0]), len(tables)
    assert all(np.array_equal(one.indices, tables[0].indices) for one in tables)
    sums = [statistic.sums(one) for one in tables]
    values = np.array([statistic.value(one.sum(1)[:, np.newaxis])[0] for one in sums])
    value = float(values.mean())
    spread = _resampled(statistic, sums, values, _weights(n, resamples, seed))
    if statistic.bounded:
        low, high = _bounded(value, spread, n, level)
    else:
        factor = math.exp(spread.half_width(1 - level) / value) if value else 1.0
        low, high = value / factor, value * factor
    return Interval(
        value=value, low=low, high=high, n=n, seeds=count, level=level, method="bootstrap"
    )


def _resampled(
    statistic: Statistic,
    sums: Sequence[Sums],
    values: Floats,
    weights: npt.NDArray[np.uint8],
) -> Spread:
    """Variance over drawn pictures, and over the runs themselves."""
    n, resamples = weights.shape
    step = max(_AT_ONCE // n, 1)
    drawn = np.empty((len(sums), resamples))
    for start in range(0, resamples, step):
        part = weights[:, start : start + step].astype(np.float64)
        for place, one in enumerate(sums):
            drawn[place, start : start + step] = statistic.value(one @ part)
    pictures = float(drawn.mean(0).var(ddof=1))
    count = len(sums)
    if count == 1:
        return Spread(pictures=pictures)
    shared = np.cov(drawn)
    alone = shared.trace() / count
    common = (shared.sum() - shared.trace()) / (count * (count - 1))
    seeds = Seeds(
        variance=float(values.var(ddof=1)) / count,
        rest=max(float(alone - common), 0.0) / count,
        degrees=count - 1,
    )
    return Spread(pictures=pictures, seeds=(seeds,))


@lru_cache(maxsize=2)
def _weights(n: int, resamples: int, seed: int) -> npt.NDArray[np.uint8]:
    """How often each picture is drawn, pictures × resamples; all contenders are drawn alike."""
    random = np.random.default_rng([seed, n, resamples])
    weights = np.empty((n, resamples), np.uint8)
    for place in range(resamples):
        weights[:, place] = np.bincount(random.integers(0, n, n), minlength=n)
    return weights


def _bounded(value: float, spread: Spread, n: int, level: float) -> tuple[float, float]:
    """Limits of something between 0 and 1: a share of as many pictures as would vary as much."""
    variance = spread.variance
    # Nothing varied: all was right, or nothing, which a share of n pictures may be by chance.
    if min(variance, value, 1 - value) <= 0:
        return _score(min(max(value, 0.0), 1.0), n, _normal(level))
    distance = spread.half_width(1 - level) / math.sqrt(variance)
    return _score(value, value * (1 - value) / variance, distance)


def _score(share: float, n: float, distance: float) -> tuple[float, float]:
    """Shares whose own standard error puts `share` just within `distance` of them."""
    square = distance**2 / n
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * share * (1 - share) + square**2 / 4) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _normal(level: float) -> float:
    return -float(ndtri((1 - level) / 2))
