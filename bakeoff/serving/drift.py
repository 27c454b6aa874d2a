"""Whether the pictures that come are still like those the champion was judged on.

Two questions are asked of each figure: could the difference be chance, and is it large enough to
matter? Only what is neither chance nor small is called drift. Chance is held to one false alarm in
a thousand windows of independent pictures, all figures together: see docs/decisions/drift.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST", "Figure", "Verdict", "Window"]

Verdict = Literal["none", "some", "strong"]
_Floats = npt.NDArray[np.float64]

FEWEST = 100
"""Pictures under which nothing is said."""

_TESTS = 5
"""Confidences, classes, features, widths, heights: each has a fifth of the false alarms."""

_Z = 3.540
"""Standard deviations beyond which a normal draw lies once in 5,000 times."""

_ALPHA = 1 / 1000 / _TESTS

_MOST_FEATURES = 256
"""Looked at, evenly spaced, of all that there are: a shift that matters is in many of them."""

_MOST_COMPARED = 500
"""Pictures that are compared two by two, whose number goes with its square."""

_EXPECTED = 5.0
"""Pictures that a bin has to be worth: fewer, and its share says nothing."""

_LIMITS: Mapping[str, tuple[float, float]] = {
    "confidence": (0.1, 0.25),
    "classes": (0.1, 0.25),
    "features": (0.15, 0.4),
    "sizes": (0.1, 0.3),
}
"""From where on a figure is some, and strong. Of a population stability index these are the usual
ones."""

_WORDS: Mapping[str, str] = {
    "confidence": "how sure the answers are (population stability index)",
    "classes": "which classes are answered (population stability index)",
    "features": "what the network sees (standard deviations, averaged over features)",
    "sizes": "widths and heights (share of pictures beyond where they should be)",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One comparison of the window with the champion's validation pictures."""

    name: str
    value: float | None
    """How far, with what chance alone would do taken off; None: nothing to compare."""

    n: int
    verdict: Verdict
    words: str


class Window:
    """The last answers, and how they compare. Any thread may add."""

    def __init__(self, reference: Mapping[str, npt.NDArray[Any]], *, size: int = 500) -> None:
        self._reference = reference
        self._lock = Lock()
        self._count = 0
        self._size = size
        self._confidences = np.zeros(size)
        self._classes = np.zeros(size, np.int64)
        self._sizes = np.zeros((size, 2))
        self._chosen = _chosen(reference)
        self._features = np.zeros((size, len(self._chosen)), np.float32)
        self._has_features = bool(len(self._chosen))
        self._worth = int(np.sum(reference["confidence"]))

    def add(
        self,
        *,
        confidence: float,
        place: int,
        width: int,
        height: int,
        features: npt.NDArray[np.float32] | None,
    ) -> None:
        """Take in one answer; `place` is that of its class."""
        with self._lock:
            at = self._count % self._size
            self._confidences[at] = confidence
            self._classes[at] = place
            self._sizes[at] = width, height
            if features is None:
                self._has_features = False
            elif self._has_features:
                self._features[at] = features[self._chosen]
            self._count += 1

    @property
    def count(self) -> int:
        """Answers ever taken in."""
        return self._count

    def score(self) -> tuple[Figure, ...]:
        """All figures of the window as it is."""
        with self._lock:
            n = min(self._count, self._size)
            confidences, classes = self._confidences[:n].copy(), self._classes[:n].copy()
            sizes, features = self._sizes[:n].copy(), self._features[:n].copy()
            has_features = self._has_features
        if n < FEWEST:
            words = f"{n} pictures so far; from {FEWEST} on they are compared"
            return tuple(
                Figure(name=name, value=None, n=n, verdict="none", words=words) for name in _LIMITS
            )
        known = self._reference
        bins = np.histogram(confidences, len(known["confidence"]), (0, 1))[0]
        mix = np.bincount(classes, minlength=len(known["classes"]))
        found = [
            _figure("confidence", n, _shares(bins, known["confidence"])),
            _figure("classes", n, _shares(mix, known["classes"])),
            _figure("features", n, self._moved(features) if has_features else None),
            _figure("sizes", n, _sizes(sizes, known, self._worth)),
        ]
        return tuple(found)

    def _moved(self, features: npt.NDArray[np.float32]) -> tuple[float, bool]:
        """Root of the mean squared shift of the features' means, and whether it is beyond chance.

        The scale is that of both sides together: of a feature that is seldom there, a few hundred
        pictures tell the spread badly.
        """
        mean = self._reference["feature_mean"][self._chosen].astype(np.float64)
        deviation = self._reference["feature_std"][self._chosen].astype(np.float64)
        n, worth = len(features), self._worth
        both = (worth * deviation**2 + n * features.var(0, dtype=np.float64)) / (worth + n)
        scaled = (features - mean) / np.sqrt(both)
        noise = 1 / n + 1 / worth
        centre = scaled.mean(0)
        squared = float(np.mean(centre**2))
        return math.sqrt(max(0.0, squared - noise)), squared > noise * _chance(scaled - centre)


def _chance(inner: _Floats) -> float:
    """What the mean square of a window's means exceeds once in 5,000 times, of its mean.

    It is a sum of squares of unequal weights, here taken for a chi-square of the same mean,
    variance and third moment (Pearson). They follow from what pictures have in common, two by two
    and three by three, around the window's own centre.
    """
    inner = inner[:: -(-len(inner) // _MOST_COMPARED)]
    n = len(inner)
    alike = inner @ inner.T
    spread = float(np.trace(alike)) / (n - 1)
    if spread <= 0:
        return 1.0
    np.fill_diagonal(alike, 0)
    second: float = np.sum(alike**2) / (n * (n - 1)) / spread**2
    third: float = np.sum((alike @ alike) * alike) / (n * (n - 1) * (n - 2)) / spread**3
    # Between all features alike in weight and one alone; few pictures tell it badly.
    second = min(max(second, 1 / inner.shape[1]), 1.0)
    third = min(max(third, second**2), second**1.5)
    free = second**3 / third**2
    return float(1 + third / second * (_chi_square(free) - free))


def _chosen(reference: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Places of the features that are looked at; those that never differ have no scale."""
    if "feature_std" not in reference:
        return np.zeros(0, np.int64)
    deviation = reference["feature_std"]
    alive = np.flatnonzero(deviation > 1e-6 * max(float(deviation.max(initial=0)), 1e-30))
    step = np.linspace(0, len(alive) - 1, min(len(alive), _MOST_FEATURES)).round()
    return np.asarray(alive[step.astype(np.int64)], np.int64)


def _figure(name: str, n: int, found: tuple[float, bool] | None) -> Figure:
    if found is None:
        words = f"{_WORDS[name]}: the champion or its engine does not tell"
        return Figure(name=name, value=None, n=n, verdict="none", words=words)
    value, is_sure = found
    some, strong = _LIMITS[name]
    verdict: Verdict = "none"
    if is_sure and value >= some:
        verdict = "strong" if value >= strong else "some"
    said = {"none": "no drift", "some": "some drift", "strong": "strong drift"}[verdict]
    words = f"{said} in {_WORDS[name]}: {value:.3g} over the last {n:,}"
    return Figure(name=name, value=value, n=n, verdict=verdict, words=words)


def _shares(here: npt.NDArray[Any], there: npt.NDArray[Any]) -> tuple[float, bool] | None:
    """Population stability index of two histograms, less what chance adds, and whether a
    chi-square test of both is beyond chance."""
    both = _merged(np.stack([here, there]).astype(np.float64))
    n, m = both.sum(1)
    free = both.shape[1] - 1
    if free < 1:
        return 0.0, False
    expected = both.sum(0) * (both.sum(1) / both.sum())[:, None]
    statistic = float(np.sum((both - expected) ** 2 / expected))
    # Half a picture more in each bin, so that an empty one is not infinitely far.
    shares = (both + 0.5) / (both.sum(1)[:, None] + 0.5 * both.shape[1])
    index = float(np.sum((shares[0] - shares[1]) * np.log(shares[0] / shares[1])))
    return max(0.0, index - free * (1 / n + 1 / m)), statistic > _chi_square(free)


def _merged(both: _Floats) -> _Floats:
    """Bins in their order, joined until each is worth enough pictures on either side."""
    shares = both.sum(0) / both.sum()
    worth = shares * both.sum(1).min()
    joined: list[_Floats] = []
    held, weight = np.zeros(2), 0.0
    for column, one in zip(both.T, worth, strict=True):
        held, weight = held + column, weight + one
        if weight >= _EXPECTED:
            joined.append(held)
            held, weight = np.zeros(2), 0.0
    if weight and joined:
        joined[-1] = joined[-1] + held
    return np.stack(joined, 1) if joined else both.sum(1, keepdims=True)


def _sizes(
    sizes: _Floats, known: Mapping[str, npt.NDArray[Any]], worth: int
) -> tuple[float, bool] | None:
    """The greater of the gaps of widths and of heights, and whether either is beyond chance."""
    gaps = [_gap(sizes[:, side], known[name]) for side, name in enumerate(("widths", "heights"))]
    # Dvoretzky, Kiefer and Wolfowitz: it holds for whatever pictures there are.
    chance = math.sqrt(math.log(2 / _ALPHA) / 2 * (1 / len(sizes) + 1 / worth))
    return max(gaps), max(gaps) > chance


def _gap(values: _Floats, percentiles: npt.NDArray[Any]) -> float:
    """Greatest distance between two distributions, as far as percentiles tell it for sure."""
    levels = np.linspace(0, 1, len(percentiles))
    known = np.sort(percentiles.astype(np.float64))
    points = np.union1d(values, known)
    here = np.searchsorted(np.sort(values), points, "right") / len(values)
    at = np.searchsorted(known, points, "right")
    low = np.where(at > 0, levels[np.maximum(at - 1, 0)], 0.0)
    high = np.where(at < len(known), levels[np.minimum(at, len(known) - 1)], 1.0)
    return float(max(0.0, np.max(low - here), np.max(here - high)))


def _chi_square(free: float) -> float:
    """What chi-square exceeds once in 5,000 times, by Wilson and Hilferty: NumPy has no quantiles,
    and SciPy is too heavy to be served with."""
    part = 2 / (9 * free)
    return free * (1 - part + _Z * math.sqrt(part)) ** 3
