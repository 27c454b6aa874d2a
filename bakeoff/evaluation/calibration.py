"""Whether 90 % sure is right nine times in ten, and how to make it so.

Temperature is what probabilities' logarithms are divided by: above 1 it makes a classifier less
sure, below 1 surer, and what it predicts stays the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

__all__ = ["Bin", "Reliability", "reliability", "temperature", "tempered"]

Shares = npt.NDArray[np.floating[Any]]

_COLDEST, _HOTTEST = 0.05, 20.0
"""Between which a temperature is looked for; what lies outside is no calibration any more."""

_LEAST = float(np.finfo(np.float32).tiny)
"""What a probability of 0 is taken for: it was smaller than a float32 can say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Pictures whose predictions are about equally sure: above `low`, up to `high`."""

    low: float
    high: float
    count: int
    confidence: float
    """Mean probability of what was predicted; 0 where there are no pictures."""

    accuracy: float
    """Share that was right; 0 where there are no pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """How far confidence and accuracy lie apart."""

    bins: tuple[Bin, ...]
    ece: float
    """Expected calibration error: the mean distance over bins, each counting by its pictures."""

    max_error: float
    """The largest distance; a bin of few pictures has a large one by chance."""


def reliability(
    probabilities: Shares, labels: npt.NDArray[np.int64], bins: int = 15
) -> Reliability:
    """Confidence and accuracy in bins of equal width."""
    assert probabilities.shape[:1] == labels.shape, probabilities.shape
    confidence = probabilities.max(1).astype(np.float64)
    correct = (probabilities.argmax(1) == labels).astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    place = np.digitize(confidence, edges[1:-1], right=True)
    counts = np.bincount(place, minlength=bins)
    filled = np.maximum(counts, 1)
    sure = np.bincount(place, weights=confidence, minlength=bins) / filled
    right = np.bincount(place, weights=correct, minlength=bins) / filled
    apart = np.abs(sure - right)
    return Reliability(
        bins=tuple(
            Bin(
                low=float(edges[number]),
                high=float(edges[number + 1]),
                count=int(counts[number]),
                confidence=float(sure[number]),
                accuracy=float(right[number]),
            )
            for number in range(bins)
        ),
        ece=float((apart * counts).sum() / len(labels)),
        max_error=float(apart.max()),
    )


def temperature(probabilities: Shares, labels: npt.NDArray[np.int64]) -> float:
    """The temperature at which `labels` are likeliest. To be fitted on validation.

    One more picture is imagined, which looks like the average one and may be of any class: of
    pictures that are all right, the labels alone would ask for certainty, however few they are.
    """
    assert probabilities.shape[:1] == labels.shape, probabilities.shape
    logs = _logs(probabilities)
    # Only distances to the likeliest count; this also keeps the sums below from overflowing.
    logs -= logs.max(1, keepdims=True)
    wanted = logs[np.arange(len(labels)), labels].sum() + logs.mean()
    weight = 1 + 1 / len(labels)

    def loss(log_temperature: float) -> float:
        inverse = np.exp(-log_temperature)
        totals = np.log(np.exp(logs * inverse).sum(1)).sum()
        return float(weight * totals - inverse * wanted)

    found = minimize_scalar(
        loss,
        bounds=(np.log(_COLDEST), np.log(_HOTTEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))


def tempered(probabilities: Shares, temperature: float) -> npt.NDArray[np.float64]:
    """The same predictions at this temperature, as float64: a float32 would lose the order of
    probabilities that come close."""
    assert temperature > 0, temperature
    logs = _logs(probabilities) / temperature
    shares = np.exp(logs - logs.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))


def _logs(probabilities: Shares) -> npt.NDArray[np.float64]:
    return np.log(np.maximum(probabilities.astype(np.float64), _LEAST))
