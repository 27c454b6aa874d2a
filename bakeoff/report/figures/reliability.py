"""Whether confidence can be believed: accuracy over confidence, bin by bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bakeoff.report.figures import style
from bakeoff.report.figures.colours import Theme, ThemeName
from bakeoff.report.units import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

SHARE = 0.18
"""Height of the tallest bar of counts."""


def draw(
    name: str,
    reliability: Mapping[str, Any],
    *,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """Dots on the diagonal are honest; below it, too sure. Bars say how many pictures."""
    axes, colours = style.begin(ax, (5.0, 4.9), theme)
    style.grid(axes, colours, "both")
    bins = [one for one in reliability["bins"] if one["count"]]
    _bins(axes, colours, bins)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: percent(value, 0))
    error = f"expected calibration error {percent(reliability['ece'])}"
    title = f"Reliability: {style.short(name, 30)}"
    style.titled(axes, colours, title, x=f"confidence ({error})", y="accuracy")
    style.key(axes, colours, loc="upper left")
    each = "; ".join(
        f"{percent(one['confidence'])} sure, {percent(one['accuracy'])} right, "
        f"{one['count']:,} pictures"
        for one in bins
    )
    style.described(axes, f"Reliability of {name}, {error}: {each}.")
    return axes


def _bins(axes: Axes, colours: Theme, bins: Sequence[Mapping[str, Any]]) -> None:
    most = max((one["count"] for one in bins), default=1)
    axes.plot([0, 1], [0, 1], color=colours.soft, linewidth=1, linestyle=(0, (4, 3)))
    axes.bar(
        [one["low"] for one in bins],
        [SHARE * one["count"] / most for one in bins],
        width=[0.94 * (one["high"] - one["low"]) for one in bins],
        align="edge",
        color=colours.soft,
        alpha=0.3,
        label="pictures",
    )
    sure = [one["confidence"] for one in bins]
    right = [one["accuracy"] for one in bins]
    axes.vlines(sure, right, sure, color=colours.bad, linewidth=1.6, label="gap")
    axes.plot(
        sure,
        right,
        marker="o",
        linestyle="none",
        color=colours.good,
        markersize=6,
        label="accuracy",
    )
