"""Whether a picture is none of the classes: how strange it is, and from where on that is too much.

Strangeness is higher for stranger pictures. Its threshold is set so that a stated share of pictures
that do belong to the classes is called foreign by mistake. `docs/experiments.md` has what else was
tried: distances between features did worse than either method here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.intervals import Interval, wilson
from bakeoff.evaluation.strangeness import log_sum, strangeness

__all__ = ["FALSE_ALARMS", "Fitted", "fitted", "least", "method_for", "strangeness"]

Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.floating[Any]]

FALSE_ALARMS = 0.05
"""Share of pictures of the classes that are called foreign."""

_NONE = 1e-3
"""Spread of the energy below which there is none: scores that are logarithms of shares add up to
the same for every picture."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A threshold, and what came of it."""

    method: str
    threshold: float
    """A picture that is stranger is called foreign."""

    alarms: Interval
    """Share of pictures of the classes above it: measured crosswise, on each half by the threshold
    of the other. On the pictures it was set by it would only be what was asked for."""

    reference: Mapping[str, npt.NDArray[Any]]
    """What the method compares with, by names that begin with `unknown_`: neither of those there
    are compares with anything."""


def method_for(scores: Scores) -> str:
    """Energy where the scores have one: recognised foreign pictures best (docs/experiments.md)."""
    return "energy" if float(np.std(log_sum(scores))) > _NONE else "doubt"


def least(rate: float = FALSE_ALARMS) -> int:
    """Pictures that it takes to set a threshold, and to measure it on the other half."""
    return 2 * math.ceil(1 / rate)


def fitted(
    scores: Scores,
    features: Scores | None,
    temperature: float,
    *,
    rate: float = FALSE_ALARMS,
    seed: int = 0,
) -> Fitted | None:
    """The threshold at which about `rate` of pictures like these are called foreign; None where
    there are too few to tell."""
    count = len(scores)
    if count < least(rate):
        return None
    method = method_for(scores)
    found = strangeness(method, scores, features, {}, temperature)
    place = np.random.default_rng(seed).permutation(count)
    alarms = 0
    for own, other in ((place[::2], place[1::2]), (place[1::2], place[::2])):
        alarms += int((found[other] > _threshold(found[own], rate)).sum())
    return Fitted(
        method=method,
        threshold=_threshold(found, rate),
        alarms=wilson(alarms, count),
        reference={},
    )


def _threshold(found: Floats, rate: float) -> float:
    """The value that another picture exceeds with a chance of at most `rate`, as far as those
    found can tell: of n, the one that a share of n + 1 lies below."""
    place = math.ceil((len(found) + 1) * (1 - rate)) - 1
    return float(np.sort(found)[min(place, len(found) - 1)])
