"""Who beats whom: the difference of each row's contender to each column's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bakeoff.report.figures import style
from bakeoff.report.figures.colours import Theme, ThemeName
from bakeoff.report.units import points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

OPPOSITE = {"better": "worse", "worse": "better"}
SIGNS = {"better": "▲", "worse": "▼", "tied": "=", "can't tell": "?"}


def draw(
    names: Sequence[str],
    pairs: Sequence[Mapping[str, Any]],
    *,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """A square in which blue says better, orange worse, and grey neither."""
    side = max(1.9, (0.46 if len(names) > 6 else 0.58) * len(names))
    shown = [style.short(name, 22) for name in names]
    room = 0.075 * max(map(len, shown))
    size = (max(side + room + 0.5, 3.4), side + room + 1.1)
    axes, colours = style.begin(ax, size, theme, spines=())
    place = {name: number for number, name in enumerate(names)}
    most = max((abs(pair["difference"]) for pair in pairs), default=1) or 1
    for pair in pairs:
        if pair["first"] not in place or pair["second"] not in place:
            continue
        row, column = place[pair["first"]], place[pair["second"]]
        outcome, difference = pair["outcome"], pair["difference"]
        _cell(axes, colours, (row, column), outcome, difference, most)
        _cell(axes, colours, (column, row), OPPOSITE.get(outcome, outcome), -difference, most)
    places = range(len(names))
    for each in places:
        _square(axes, (each, each), facecolor=colours.line, alpha=0.45)
    style.labels(axes.yaxis, places, shown)
    style.labels(axes.xaxis, places, shown, rotation=90)
    axes.xaxis.tick_top()
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_aspect("equal")
    style.titled(axes, colours, "Pairs")
    axes.set_xlabel(
        "row minus column, in percentage points\n▲ better   ▼ worse   = tied   ? can't tell",
        color=colours.soft,
        fontsize=style.SMALL,
        family="sans-serif",
        labelpad=8,
    )
    axes.xaxis.set_label_position("bottom")
    style.described(axes, " ".join(pair["words"] for pair in pairs))
    return axes


def _cell(
    axes: Axes,
    colours: Theme,
    at: tuple[int, int],
    outcome: str,
    difference: float,
    most: float,
) -> None:
    told = outcome in OPPOSITE
    colour = {"better": colours.good, "worse": colours.bad}.get(outcome, colours.soft)
    strength = 0.14 + 0.3 * abs(difference) / most if told else 0.1
    _square(axes, at, facecolor=colour, alpha=strength)
    axes.text(
        at[1],
        at[0],
        f"{SIGNS[outcome]}\n{points(difference)}",
        ha="center",
        va="center",
        color=colours.ink,
        fontsize=style.TINY,
        family="sans-serif",
        linespacing=1.15,
    )


def _square(axes: Axes, at: tuple[int, int], **style: Any) -> None:
    row, column = at
    low, high = -0.47, 0.47
    across = [column + low, column + high, column + high, column + low]
    axes.fill(across, [row + low, row + low, row + high, row + high], linewidth=0, **style)
