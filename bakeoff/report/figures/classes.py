"""How each class fares: F1 as a bar, precision and recall as marks on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bakeoff.report.figures import style
from bakeoff.report.figures.colours import Theme, ThemeName
from bakeoff.report.units import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOST", "draw"]

MOST = 40
"""Classes that are drawn; of more, those that fare worst."""


def draw(
    name: str,
    classes: Sequence[Mapping[str, Any]],
    *,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """Classes from the top down: in their order, or the worst ones of many."""
    shown = classes if len(classes) <= MOST else _worst(classes)
    row = 0.3 if len(shown) <= 20 else 0.21
    axes, colours = style.begin(ax, (7.2, 1.6 + row * len(shown)), theme, spines=())
    style.grid(axes, colours, "x")
    places = list(range(len(shown)))
    _bars(axes, colours, shown)
    style.labels(axes.yaxis, places, [_label(one) for one in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.xaxis.set_major_formatter(lambda value, _: percent(value, 0))
    what = "Classes" if len(shown) == len(classes) else f"{MOST} of {len(classes)} classes, worst"
    style.titled(axes, colours, f"{what}: {style.short(name, 34)}")
    style.key(
        axes, colours, loc="upper right", bbox_to_anchor=(1.0, 0.0), borderaxespad=2.4, ncols=3
    )
    each = "; ".join(f"{one['name']} {percent(one['f1'])}" for one in shown)
    style.described(axes, f"F1 of each class, {name}: {each}.")
    return axes


def _bars(axes: Axes, colours: Theme, shown: Sequence[Mapping[str, Any]]) -> None:
    places = list(range(len(shown)))
    axes.barh(
        places,
        [one["f1"] for one in shown],
        height=0.62,
        color=colours.series[0],
        alpha=0.35,
        label="F1",
    )
    for kind, marker, colour in (("precision", "|", colours.ink), ("recall", "d", colours.bad)):
        axes.plot(
            [one[kind] for one in shown],
            places,
            marker,
            color=colour,
            markersize=8 if marker == "|" else 4.5,
            markeredgewidth=2 if marker == "|" else 1,
            label=kind,
        )


def _worst(classes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(classes, key=lambda one: (one["f1"], one["name"]))[:MOST]


def _label(one: Mapping[str, Any]) -> str:
    return f"{style.short(one['name'])} ({one['support']:,})"
