"""Accuracy with intervals: a dot for each contender, its seeds behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bakeoff.report.figures import style
from bakeoff.report.figures.colours import ThemeName
from bakeoff.report.units import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]


def draw(
    rows: Sequence[Mapping[str, Any]],
    *,
    part: str,
    winner: str | None = None,
    near: Sequence[str] = (),
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """Contenders from the top down, as they are given; `near` are those that are not told from
    the chosen one, or tied with it."""
    axes, colours = style.begin(ax, (7.2, 1.25 + 0.34 * len(rows)), theme, spines=())
    style.grid(axes, colours, "x")
    for place, row in enumerate(rows):
        found = row["numbers"]["accuracy"]
        first = row["name"] == winner
        close = first or row["name"] in near
        colour = colours.good if close else colours.soft
        axes.hlines(
            place, found["low"], found["high"], color=colour, linewidth=2.2 if close else 1.6
        )
        seeds = [run["accuracy"] for run in row["runs"] if run["accuracy"] is not None]
        if len(seeds) > 1:
            axes.plot(seeds, [place] * len(seeds), "|", color=colour, markersize=9, alpha=0.7)
        axes.plot(
            found["value"],
            place,
            marker="D" if first else "o",
            markersize=7 if first else 6,
            color=colour,
            markerfacecolor=colour if close else colours.back,
            markeredgewidth=1.6,
        )
    _name(axes, rows, colours.ink)
    n, level = _measured(rows, part)
    style.titled(axes, colours, "Accuracy", x=f"accuracy on {n}, {level:.0%} intervals")
    axes.xaxis.set_major_formatter(lambda value, _: percent(value, 0 if _wide(axes) else 1))
    style.described(axes, _words(rows, part, winner))
    return axes


def _name(axes: Axes, rows: Sequence[Mapping[str, Any]], ink: str) -> None:
    """Names on the left, figures on the right, in line with their dots."""
    places = list(range(len(rows)))
    style.labels(axes.yaxis, places, [style.short(row["name"]) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    values = axes.secondary_yaxis("right")
    figures = [_figure(row["numbers"]["accuracy"]) for row in rows]
    style.labels(values.yaxis, places, figures)
    values.tick_params(length=0, labelsize=style.SMALL, labelcolor=ink)
    values.spines["right"].set_visible(False)


def _figure(found: Mapping[str, Any]) -> str:
    return f"{percent(found['value'])}  ({100 * found['low']:.1f}–{percent(found['high'])})"


def _measured(rows: Sequence[Mapping[str, Any]], part: str) -> tuple[str, float]:
    found = rows[0]["numbers"]["accuracy"]
    seeds = max(row["numbers"]["accuracy"]["seeds"] for row in rows)
    kind = "validation" if part == "val" else part
    return f"{found['n']:,} {kind} pictures × {seeds} seed{'s' * (seeds > 1)}", found["level"]


def _wide(axes: Axes) -> bool:
    low, high = axes.get_xlim()
    return high - low > 0.05


def _words(rows: Sequence[Mapping[str, Any]], part: str, winner: str | None) -> str:
    each = "; ".join(f"{row['name']} {_figure(row['numbers']['accuracy'])}" for row in rows)
    return f"Accuracy on {part}: {each}." + (f" {winner} was chosen." if winner else "")
