"""When a contender has lost: stated rules, on validation only.

Between seeds: more than 5 points below the best so far, and by a paired interval of 99.9 % surely
below it. The points stand for what seeds alone may change.

Within a run, at half of its time: ten points more than four times what it won since a quarter of
its time would still not reach the best other contender, by more than validation pictures leave
open.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["AHEAD", "Halfway", "lost"]

BEHIND = 0.05
"""Accuracy that another seed may make up for."""

_SURE = 3.29
"""Standard errors on either side: 99.9 %."""

AHEAD, _AGAIN = 0.10, 4.0
"""What the falling rate of the second half may bring at once, and times what was won before."""

_FEWEST = 100
"""Validation pictures below which nobody is stopped within a run."""

WORTH = 10.0
"""Seconds that a run is expected to take, below which leaving it out saves hardly anything."""


def lost(
    correct: Mapping[str, npt.NDArray[np.bool_]], *, eligible: Collection[str], margin: float
) -> dict[str, str]:
    """Contenders that need no other seed, and why. By name whether each validation picture is
    right, seeds × pictures. They are held against the best of the `eligible`: one that is too
    large or too slow to win beats nobody."""
    rivals = [name for name in correct if name in eligible]
    if not rivals:
        return {}
    best = max(rivals, key=lambda name: float(correct[name].mean()))
    found = {}
    for name, mine in correct.items():
        difference = correct[best].mean(0) - mine.mean(0)
        behind = float(difference.mean())
        error = float(difference.std()) / math.sqrt(len(difference))
        surely = behind - _SURE * error
        if behind > BEHIND and surely > margin:
            seeds = "1 seed" if len(mine) == 1 else f"{len(mine)} seeds"
            found[name] = (
                f"After {seeds} its validation accuracy, {mine.mean():.4f}, lies "
                f"{100 * behind:.1f} points below that of {best} (99.9%: at least "
                f"{100 * surely:.1f}), more than another seed makes up for."
            )
    return found


class Halfway:
    """One run of one stage, held against the best other contender that is finished."""

    def __init__(self, best: float | None, name: str, pictures: int) -> None:
        self._best, self._name, self._pictures = best, name, pictures
        self._quarter: float | None = None
        self.reason: str | None = None

    def looked(self, place: float, accuracy: float) -> None:
        """Validation was looked at; `reason` says afterwards whether to go on."""
        if self._best is None or self.reason is not None or place >= 1:
            return
        if self._quarter is None:
            if place >= 0.25:
                self._quarter = accuracy
            return
        if place < 0.5:
            return
        won = max(0.0, accuracy - self._quarter)
        reachable = accuracy + AHEAD + _AGAIN * won
        if reachable < self._best - self._chance(reachable, self._best):
            self.reason = (
                f"At {100 * place:.0f}% of its time its validation accuracy was {accuracy:.4f}; "
                f"with four times what it had won since a quarter of it, and ten points, it "
                f"would reach {reachable:.4f}, and {self._name} has {self._best:.4f}, more than "
                f"chance in {self._pictures:,} pictures explains."
            )

    def _chance(self, *accuracies: float) -> float:
        """By how much two accuracies may differ though neither is better. They are taken as of
        different pictures, which allows more than the same ones would."""
        if self._pictures < _FEWEST:
            return math.inf
        shares = [min(1.0, max(0.0, one)) for one in accuracies]
        return _SURE * math.sqrt(sum(one * (1 - one) for one in shares) / self._pictures)
