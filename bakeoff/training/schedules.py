"""What the peak rate is multiplied by, as a pure function of the place in the stage.

A place is a share of the stage, from 0 to 1, however that is measured: in steps, or in time.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from bakeoff.spec.training import (
    Constant,
    Cosine,
    Linear,
    OneCycle,
    Plateau,
    Schedule,
    Steps,
)

__all__ = ["Patience", "factor", "place"]


def place(step: int, steps: int) -> float:
    """Where step `step` (from 0) of `steps` is: at its middle.

    There a warm-up never wastes its first step on a rate of zero, nor a decline its last, and the
    mean over the steps is that over the curve.
    """
    assert 0 <= step < steps, (step, steps)
    return (step + 0.5) / steps


def factor(schedule: Schedule, at: float) -> float:
    """Share of the peak rate at the place `at`. For `Plateau`, before any cut."""
    assert 0 <= at <= 1, at
    if at < schedule.warmup:
        risen = at / schedule.warmup
        if isinstance(schedule, OneCycle):
            return schedule.start + (1 - schedule.start) * _risen_cosine(risen)
        if isinstance(schedule, Steps):
            return risen * _stepped(schedule, at)
        return risen
    gone = (at - schedule.warmup) / (1 - schedule.warmup) if schedule.warmup < 1 else 0.0
    match schedule:
        case Constant() | Plateau():
            return 1.0
        case Linear():
            return 1 - (1 - schedule.end) * gone
        case Cosine():
            return schedule.end + (1 - schedule.end) * _risen_cosine(1 - gone)
        case OneCycle():
            return _risen_cosine(1 - gone)
        case Steps():
            return _stepped(schedule, at)


def _risen_cosine(share: float) -> float:
    """Half a cosine from 0 to 1."""
    return (1 - math.cos(math.pi * share)) / 2


def _stepped(schedule: Steps, at: float) -> float:
    return float(schedule.factor ** bisect_right(schedule.at, at))


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """What has been seen of a value that should fall, such as the loss on validation."""

    best: float | None = None
    """The lowest so far; None before the first."""

    waited: int = 0
    """How many values since were no lower."""

    cuts: int = 0
    """How often patience ran out."""

    def seen(self, value: float, patience: int) -> Patience:
        """After `value` too. One that is not a number is no improvement."""
        if not math.isnan(value) and (self.best is None or value < self.best):
            return replace(self, best=value, waited=0)
        if self.waited + 1 >= patience:
            return replace(self, waited=0, cuts=self.cuts + 1)
        return replace(self, waited=self.waited + 1)

    def factor(self, schedule: Schedule) -> float:
        """What the cuts so far multiply the rate by."""
        return float(schedule.factor**self.cuts) if isinstance(schedule, Plateau) else 1.0
