"""Where things lie in the page's drawings: intervals, curves, reliability.

Everything is in per cent of the drawing, whose lines and letters the page draws itself: they take
its colours, light or dark, and any width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.report.axis import Axis, linear
from bakeoff.report.board import place_of
from bakeoff.report.recorded import History, Look
from bakeoff.report.units import percent

__all__ = [
    "Bars",
    "Dot",
    "Dots",
    "Line",
    "Panel",
    "dots",
    "losses",
    "measured",
    "panels",
    "reliability",
    "tone",
]

Facts = Mapping[str, Any]

LEADERS = 0.12
"""Behind the best by at most this, contenders are drawn larger on their own."""

POINTS = 120
"""Of one curve at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    """One contender's accuracy."""

    name: str
    tone: str
    """winner, tied or other."""

    at: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Dots:
    """Accuracies with their intervals on one axis, the best first."""

    key: str
    title: str
    axis: Axis
    dots: tuple[Dot, ...]
    band: tuple[float, float] | None
    """The winner's interval, as place and width, to see who lies in it."""


def tone(facts: Facts, name: str) -> str:
    """How a contender stands out."""
    verdict = facts["verdict"]
    if name == verdict["winner"]:
        return "winner"
    return "tied" if name in verdict.get("tied", ()) else "other"


def measured(facts: Facts) -> list[Facts]:
    """Contenders with an accuracy, the best first."""
    found = [one for one in facts["contenders"] if one["numbers"].get("accuracy")]
    return sorted(found, key=lambda one: place_of(facts, one))


def dots(facts: Facts) -> list[Dots]:
    """The leaders alone, where others are far behind, and all."""
    everyone = measured(facts)
    if not everyone:
        return []
    best = everyone[0]["numbers"]["accuracy"]["value"]
    near = [one for one in everyone if best - one["numbers"]["accuracy"]["value"] <= LEADERS]
    drawn = [("leaders", f"the {len(near)} best", near)] if 1 < len(near) < len(everyone) else []
    drawn.append(("all", "all contenders", everyone))
    return [_dots(facts, key, title, some) for key, title, some in drawn]


def _dots(facts: Facts, key: str, title: str, some: Sequence[Facts]) -> Dots:
    numbers = {one["name"]: one["numbers"]["accuracy"] for one in some}
    ends = [number[end] for number in numbers.values() for end in ("low", "high")]
    axis = linear(ends, floor=0.0, ceiling=1.0, ticks=4)
    winner = numbers.get(facts["verdict"]["winner"])
    low, high = (axis.at(winner["low"]), axis.at(winner["high"])) if winner else (0.0, 0.0)
    return Dots(
        key=key,
        title=title,
        axis=axis,
        dots=tuple(
            Dot(
                name=name,
                tone=tone(facts, name),
                at=axis.at(number["value"]),
                low=axis.at(number["low"]),
                high=axis.at(number["high"]),
            )
            for name, number in numbers.items()
        ),
        band=(low, round(high - low, 2)) if winner else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One curve: what it is, and its points in thousandths of the drawing."""

    kind: str
    points: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One contender's curves in a small drawing; all share their axes."""

    number: int
    name: str
    tone: str
    lines: tuple[Line, ...]
    text: str


def panels(
    facts: Facts, curves: Mapping[str, Sequence[History]]
) -> tuple[Axis, Axis, list[Panel]] | None:
    """Accuracy on validation while training, a panel for each contender that has curves."""
    looks = [look for some in curves.values() for one in some for look in one.looks]
    if not looks:
        return None
    across = linear([0.0, *(look.epoch for look in looks)], floor=0.0, room=0, ticks=3)
    up = linear([look.accuracy for look in looks], floor=0.0, ceiling=1.0, ticks=4)
    found = []
    for number, one in enumerate(facts["contenders"]):
        drawn = [curve for curve in curves.get(one["name"], ()) if curve.looks]
        if drawn:
            last = [curve.looks[-1] for curve in drawn]
            reached = sum(look.accuracy for look in last) / len(last)
            found.append(
                Panel(
                    number=number,
                    name=one["name"],
                    tone=tone(facts, one["name"]),
                    lines=tuple(_line("accuracy", curve.looks, across, up) for curve in drawn),
                    text=f"{percent(reached)} after {last[0].epoch:g} epochs",
                )
            )
    return across, up, found


def losses(curves: Sequence[History]) -> tuple[Axis, Axis, tuple[Line, ...]] | None:
    """Loss on training and on validation, of all seeds of one contender."""
    looks = [look for curve in curves for look in curve.looks]
    kinds = [("train_loss", [look.train_loss for look in looks])]
    kinds.append(("loss", [look.loss for look in looks]))
    values = [value for _, some in kinds for value in some if math.isfinite(value)]
    if not values:
        return None
    across = linear([0.0, *(look.epoch for look in looks)], floor=0.0, room=0, ticks=4)
    up = linear([0.0, *values], floor=0.0, ticks=4)
    lines = tuple(
        _line(kind, curve.looks, across, up) for kind, _ in kinds for curve in curves if curve.looks
    )
    return across, up, lines


def _line(kind: str, looks: Sequence[Look], across: Axis, up: Axis) -> Line:
    step = max(1, math.ceil(len(looks) / POINTS))
    # From the end, so that the last look is always there.
    kept = list(looks[::-1][::step])[::-1]
    points = [
        f"{across.at(look.epoch) * 10:.0f},{up.up(value) * 10:.0f}"
        for look in kept
        if math.isfinite(value := getattr(look, kind))
    ]
    return Line(kind=kind, points=" ".join(points))


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """Accuracy by confidence: bars that would reach the diagonal if what is said were so."""

    bars: tuple[tuple[float, float, float, float, float, str], ...]
    """Left, width, height of the accuracy, confidence, height of the share of pictures, words."""


def reliability(facts: Facts | None) -> Bars | None:
    """The reliability diagram of one contender."""
    if not facts or not any(one["count"] for one in facts["bins"]):
        return None
    most = max(one["count"] for one in facts["bins"])
    return Bars(
        bars=tuple(
            (
                round(100 * one["low"], 2),
                round(100 * (one["high"] - one["low"]), 2),
                round(100 * one["accuracy"], 2),
                round(100 * one["confidence"], 2),
                round(100 * one["count"] / most, 2),
                f"confidence {percent(one['low'], 0)} to {percent(one['high'], 0)}: "
                f"{percent(one['accuracy'])} right of {one['count']:,}",
            )
            for one in facts["bins"]
            if one["count"]
        )
    )
