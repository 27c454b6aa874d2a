"""Quality against cost: who is worth its price, and where that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.report.axis import Axis, linear, logarithmic
from bakeoff.report.drawings import measured, tone
from bakeoff.report.units import percent, written

__all__ = ["COSTS", "Point", "Trade", "trade"]

Facts = Mapping[str, Any]

COSTS = {
    "latency": ("latency", "one picture on this machine", "seconds"),
    "parameters": ("parameters", "", "count"),
    "bytes": ("size", "on disk", "size"),
    "training": ("training", "mean over seeds", "seconds"),
}
"""What quality is held against: what it is called, what is meant, and its unit."""


HEIGHT = 340
"""Of the drawing in pixels; the page's styles say the same."""

LETTERS = 15
"""Height of a name in pixels."""

NARROW, LETTER = 260, 6.4
"""Width of the drawing on a telephone, and of a letter there: names clear there are clear on any
wider page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One contender between cost and quality."""

    name: str
    tone: str
    across: float
    down: float
    low: float
    high: float
    front: bool
    """Nobody is at least as good for less."""

    end: bool
    """Its name goes to the left of it."""

    shift: int
    """Of its name, in pixels, so that names do not lie on each other."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trade:
    """Quality against one kind of cost."""

    key: str
    title: str
    hint: str
    across: Axis
    labels: tuple[tuple[float, str], ...]
    down: tuple[tuple[float, str], ...]
    points: tuple[Point, ...]
    front: str
    """Steps of what can be had, as points of a line."""


def trade(facts: Facts, key: str) -> Trade | None:
    """Accuracy over the cost `key`; the room between 90 and 99% is as tall as 0 to 90%."""
    title, hint, unit = COSTS[key]
    shown = [one for one in measured(facts) if one["cost"].get(key)]
    if len(shown) < 2:
        return None
    across = logarithmic(one["cost"][key] for one in shown)
    least = 0.5 / max(one["numbers"]["accuracy"]["n"] for one in shown)

    def error(value: float) -> float:
        return float(max(1 - value, least))

    ends = [error(one["numbers"]["accuracy"][end]) for one in shown for end in ("low", "high")]
    up = logarithmic(ends)
    placed = [
        (one, across.at(one["cost"][key]), up.at(error(one["numbers"]["accuracy"]["value"])))
        for one in shown
    ]
    front, most = set(), -1.0
    for one, _, _ in sorted(placed, key=lambda each: (each[1], each[2])):
        value = one["numbers"]["accuracy"]["value"]
        if value > most:
            front.add(one["name"])
            most = value
    points = _points(facts, placed, front, up, error, unit, key)
    return Trade(
        key=key,
        title=title,
        hint=hint,
        across=across,
        labels=tuple((across.at(tick), written(tick, unit)) for tick in across.ticks),
        down=_accuracy_ticks(up),
        points=points,
        front=_steps([(point.across, point.down) for point in points if point.front]),
    )


def _accuracy_ticks(up: Axis) -> tuple[tuple[float, str], ...]:
    """Accuracies that are labelled on an axis of errors."""
    shares = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
    found = [share for share in shares if up.low <= 1 - share <= up.high]
    if len(found) < 2:
        found = [1 - tick for tick in linear((1 - up.low, 1 - up.high), room=0).ticks]
        found = [round(1 - share, 6) for share in found if up.low <= share <= up.high]
    return tuple((up.at(1 - share), f"{100 * share:g}%") for share in found)


def _points(
    facts: Facts,
    placed: Sequence[tuple[Facts, float, float]],
    front: set[str],
    up: Axis,
    error: Callable[[float], float],
    unit: str,
    key: str,
) -> tuple[Point, ...]:
    found: list[Point] = []
    for one, across, down in sorted(placed, key=lambda each: each[2]):
        number = one["numbers"]["accuracy"]
        words = f"{percent(number['value'])}, {written(one['cost'][key], unit)}"
        end = across > 55
        shift = _shift(found, one["name"], across, down, end)
        found.append(
            Point(
                name=one["name"],
                tone=tone(facts, one["name"]),
                across=across,
                down=down,
                low=up.at(error(number["low"])),
                high=up.at(error(number["high"])),
                front=one["name"] in front,
                end=end,
                shift=shift,
                text=f"{one['name']}: {words}",
            )
        )
    return tuple(found)


def _shift(above: Sequence[Point], name: str, across: float, down: float, end: bool) -> int:
    """How far a name moves down to stay clear of those above that it would lie on."""
    left, right = _reach(name, across, end)
    taken = sorted(
        HEIGHT * point.down / 100 + point.shift
        for point in above
        if left < (ends := _reach(point.name, point.across, point.end))[1] and ends[0] < right
    )
    here = HEIGHT * down / 100
    free = here
    for place in taken:
        if abs(place - free) < LETTERS:
            free = place + LETTERS
    return round(free - here)


def _reach(name: str, across: float, end: bool) -> tuple[float, float]:
    """From where to where a name goes in a drawing as narrow as a telephone."""
    here, length = NARROW * across / 100, 11 + LETTER * len(name)
    return (here - length, here) if end else (here, here + length)


def _steps(points: Sequence[tuple[float, float]]) -> str:
    """Along and then up: at each cost, the best that can be had for it."""
    ordered = sorted(points)
    if len(ordered) < 2:
        return ""
    line = [ordered[0]]
    for across, down in ordered[1:]:
        line += [(across, line[-1][1]), (across, down)]
    return " ".join(f"{across * 10:g},{down * 10:g}" for across, down in line)
