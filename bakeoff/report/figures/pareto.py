"""Quality against cost, and who is beaten in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bakeoff.report.figures import style
from bakeoff.report.figures.colours import ThemeName
from bakeoff.report.figures.placing import Line, name_points
from bakeoff.report.units import percent, written
from bakeoff.spec.errors import SpecError, one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COSTS", "Cost", "draw", "front"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Something that is paid for quality."""

    words: str
    unit: str
    more_is_better: bool = False


COSTS = {
    "latency": Cost(words="time for one picture", unit="seconds"),
    "throughput": Cost(words="pictures in a second", unit="rate", more_is_better=True),
    "bytes": Cost(words="size on disk", unit="size"),
    "parameters": Cost(words="parameters", unit="count"),
    "flops": Cost(words="floating-point operations for one picture", unit="count"),
    "training": Cost(words="time of training", unit="seconds"),
    "cold_start": Cost(words="time from start to first answer", unit="seconds"),
}


def draw(
    rows: Sequence[Mapping[str, Any]],
    *,
    cost: str = "latency",
    winner: str | None = None,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """A point for each contender whose cost was measured; a line joins those nobody beats."""
    if cost not in COSTS:
        raise SpecError("cost", "must be one of those that are measured", cost, one_of(cost, COSTS))
    kind = COSTS[cost]
    shown = [row for row in rows if row["cost"].get(cost)]
    if not shown:
        raise SpecError("cost", "was measured of no contender", cost)
    axes, colours = style.begin(ax, (7.2, 4.6), theme)
    style.grid(axes, colours, "both")
    places = [(row["cost"][cost], row["numbers"]["accuracy"]["value"]) for row in shown]
    best = front(places, more_is_better=kind.more_is_better)
    _draw_front(axes, [places[place] for place in best], colours.good)
    for number, (row, (x, y)) in enumerate(zip(shown, places, strict=True)):
        found, first = row["numbers"]["accuracy"], row["name"] == winner
        colour = colours.good if number in best else colours.soft
        axes.vlines(x, found["low"], found["high"], color=colour, linewidth=1, alpha=0.5)
        face = colour if number in best else colours.back
        marker = "D" if first else "o"
        axes.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=6.5)
    axes.set_xscale("log")
    axes.margins(x=0.09, y=0.09)
    _ticks(axes, lambda value: written(value, kind.unit))
    axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0 if _wide(places) else 1))
    better = "→ better" if kind.more_is_better else "← better"
    style.titled(axes, colours, "Quality and cost", x=f"{kind.words}  {better}", y="accuracy")
    names = [style.short(row["name"], 24) for row in shown]
    bold = [row["name"] == winner for row in shown]
    lines = _lines(shown, places, best)
    name_points(axes, colours, places, names, bold=bold, lines=lines)
    style.described(axes, _words(shown, cost, best))
    return axes


def front(places: Sequence[tuple[float, float]], *, more_is_better: bool = False) -> list[int]:
    """Which points no other equals in cost and quality and beats in one, from the cheapest."""
    way = -1 if more_is_better else 1
    order = sorted(range(len(places)), key=lambda i: (way * places[i][0], -places[i][1]))
    found: list[int] = []
    for place in order:
        if not found or places[place][1] > places[found[-1]][1]:
            found.append(place)
    return found


def _draw_front(axes: Axes, points: Sequence[tuple[float, float]], colour: str) -> None:
    across, up = zip(*points, strict=True)
    axes.step(across, up, where="post", color=colour, linewidth=1.2, alpha=0.7, zorder=1)


def _lines(
    rows: Sequence[Mapping[str, Any]], places: Sequence[tuple[float, float]], best: Sequence[int]
) -> list[Line]:
    """The intervals and the steps of the front."""
    found: list[Line] = []
    for row, (x, _) in zip(rows, places, strict=True):
        number = row["numbers"]["accuracy"]
        found.append(((x, number["low"]), (x, number["high"])))
    for (x, y), (farther, higher) in pairwise(places[place] for place in best):
        found += [((x, y), (farther, y)), ((farther, y), (farther, higher))]
    return found


def _ticks(axes: Axes, words: Callable[[float], str]) -> None:
    """Ticks at 1, 2 and 5 where the axis is short, and never as powers."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: words(value))


def _wide(places: Sequence[tuple[float, float]]) -> bool:
    values = [value for _, value in places]
    return max(values) - min(values) > 0.05


def _words(rows: Sequence[Mapping[str, Any]], cost: str, best: Sequence[int]) -> str:
    kind = COSTS[cost]
    each = "; ".join(
        f"{row['name']} {percent(row['numbers']['accuracy']['value'])} at "
        f"{written(row['cost'][cost], kind.unit)}"
        for row in rows
    )
    unbeaten = ", ".join(rows[place]["name"] for place in best)
    return f"Accuracy over {kind.words}: {each}. Beaten by nobody in both: {unbeaten}."
