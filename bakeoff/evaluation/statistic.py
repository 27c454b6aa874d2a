"""Numbers of many pictures as functions of sums over pictures.

Written so, a number is computed for a thousand resamples at once: each is a product of what the
pictures add with how often each was drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from bakeoff.evaluation.predictions import Predictions

__all__ = ["STATISTICS", "Statistic", "named", "top"]

Floats = npt.NDArray[np.float64]
Sums = Any
"""A sparse matrix, sums × pictures."""

_BINS = 15
"""As many as a reliability diagram has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistic:
    """A number, and how to compute it from sums."""

    name: str
    sums: Callable[[Predictions], Sums]
    """What each picture adds to each sum."""

    value: Callable[[Floats], Floats]
    """From sums × resamples to one number for each resample."""

    bounded: bool = True
    """Between 0 and 1; otherwise from 0 on."""


def top(k: int) -> Statistic:
    """The share of pictures whose class is among the `k` likeliest."""
    return Statistic(name=f"top{k}", sums=lambda table: _hits(table, k), value=_mean)


def named(name: str) -> Statistic:
    """A statistic by the name that results give it."""
    return STATISTICS[name] if name in STATISTICS else top(int(name.removeprefix("top")))


def _mean(sums: Floats) -> Floats:
    return np.asarray(sums[0] / sums[1])


def _hits(table: Predictions, k: int) -> Sums:
    shares, labels = table.probabilities, table.labels
    own = shares[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(shares.shape[1]) < labels[:, None]
    ahead = ((shares > own) | ((shares == own) & earlier)).sum(1)
    return _rows((ahead < k).astype(np.float64), np.ones(len(labels)))


def _losses(table: Predictions) -> Sums:
    own = table.probabilities[np.arange(len(table)), table.labels].astype(np.float64)
    return _rows(-np.log(np.maximum(own, 1e-12)), np.ones(len(table)))


def _rows(*rows: Floats) -> Sums:
    return csr_array(np.stack(rows))


def _counted(groups: npt.NDArray[Any], size: int, values: Floats | None = None) -> Sums:
    """A sum for each group, to which its pictures add `values`, or 1."""
    count = len(groups)
    added = np.ones(count) if values is None else values
    return csr_array((added, (groups, np.arange(count))), shape=(size, count))


def _by_class(table: Predictions) -> Sums:
    """Pictures of each class that are right, then predicted, then there."""
    size = len(table.classes)
    right = _counted(table.labels, size, table.correct.astype(np.float64))
    return vstack([right, _counted(table.predicted, size), _counted(table.labels, size)], "csr")


def _over_classes(
    score: Callable[[Floats, Floats, Floats], Floats], *, weighted: bool
) -> Callable[[Floats], Floats]:
    """The mean of a class's score; classes count alike, or by their pictures."""

    def value(sums: Floats) -> Floats:
        right, claimed, support = np.split(sums, 3)
        scores = score(right, claimed, support)
        if not weighted:
            return np.asarray(scores.mean(0))
        return np.asarray((scores * support).sum(0) / support.sum(0))

    return value


def _precision(right: Floats, claimed: Floats, support: Floats) -> Floats:
    return right / np.maximum(claimed, 1)


def _recall(right: Floats, claimed: Floats, support: Floats) -> Floats:
    return right / np.maximum(support, 1)


def _f1(right: Floats, claimed: Floats, support: Floats) -> Floats:
    return 2 * right / np.maximum(claimed + support, 1)


def _by_bin(table: Predictions) -> Sums:
    """By how sure a prediction is: how sure beyond right, summed, and pictures."""
    confidence = table.confidence.astype(np.float64)
    edges = np.linspace(0, 1, _BINS + 1)[1:-1]
    place = np.digitize(confidence, edges, right=True)
    beyond = _counted(place, _BINS, confidence - table.correct)
    return vstack([beyond, _counted(place, _BINS)], "csr")


def _ece(sums: Floats) -> Floats:
    beyond, counts = np.split(sums, 2)
    return np.asarray(np.abs(beyond).sum(0) / counts.sum(0))


def _classes(
    name: str, score: Callable[[Floats, Floats, Floats], Floats], *, weighted: bool
) -> Statistic:
    return Statistic(name=name, sums=_by_class, value=_over_classes(score, weighted=weighted))


STATISTICS = {
    one.name: one
    for one in (
        Statistic(name="loss", sums=_losses, value=_mean, bounded=False),
        _classes("macro_precision", _precision, weighted=False),
        _classes("macro_recall", _recall, weighted=False),
        _classes("macro_f1", _f1, weighted=False),
        _classes("weighted_precision", _precision, weighted=True),
        _classes("weighted_recall", _recall, weighted=True),
        _classes("weighted_f1", _f1, weighted=True),
        Statistic(name="ece", sums=_by_bin, value=_ece),
    )
}
"""By the names that results give them; `top` makes those of k guesses."""
