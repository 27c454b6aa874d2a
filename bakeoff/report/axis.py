"""An axis of a drawing: which values it shows, and where, in per cent of its length.

Per cent, so that a drawing takes whatever width a page has while its text keeps its size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Axis", "linear", "logarithmic"]

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Distances of ticks that people read easily, times a power of ten."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """From `low` to `high`, with `ticks` to be labelled."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Place of `value` in per cent from the low end, at most the ends."""
        low, high, here = self.low, self.high, value
        if self.log:
            low, high, here = math.log(low), math.log(high), math.log(max(value, self.low))
        return round(min(max(100 * (here - low) / (high - low), 0.0), 100.0), 2)

    def up(self, value: float) -> float:
        """The same from the top, as pictures on a page are measured."""
        return round(100 - self.at(value), 2)


def linear(
    values: Iterable[float],
    *,
    ticks: int = 5,
    floor: float | None = None,
    ceiling: float | None = None,
    room: float = 0.04,
) -> Axis:
    """An axis around `values`, with round ticks and a little room, within `floor` and `ceiling`."""
    found = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(found), max(found)
    spread = (high - low) or abs(high) * 0.1 or 1.0
    low, high = low - room * spread, high + room * spread
    if floor is not None:
        low = max(low, floor)
    if ceiling is not None:
        high = min(high, ceiling)
    if high <= low:
        low, high = low - spread / 2, low + spread / 2
    step = _step((high - low) / ticks)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    places = tuple(round(step * number, 10) for number in range(first, last + 1))
    return Axis(low=low, high=high, ticks=places)


def logarithmic(values: Iterable[float]) -> Axis:
    """An axis of factors around positive `values`, with ticks at 1, 2 and 5 or at powers of ten."""
    found = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    low, high = min(found) / 1.6, max(found) * 1.6
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = tuple(10.0**power for power in powers if low <= 10.0**power <= high)
    if len(ticks) < 3:
        fine = (part * 10.0**power for power in powers for part in (1, 2, 5))
        ticks = tuple(tick for tick in fine if low <= tick <= high)
    return Axis(low=low, high=high, ticks=ticks, log=True)


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in STEPS if power * step >= 0.85 * least)
