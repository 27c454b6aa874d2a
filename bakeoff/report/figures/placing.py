"""Where the names of points go, so that none covers another or a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bakeoff.report.figures import style
from bakeoff.report.figures.colours import Theme
from bakeoff.report.figures.svg import any_letters

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    Boxes = npt.NDArray[np.float64]

Line = tuple[tuple[float, float], tuple[float, float]]

__all__ = ["Line", "name_points"]

CLOSE, FAR, STEP = 8.5, 90.0, 5.0
"""Distances from a point that are tried, in points; beyond the first ones a line leads there."""

TURNS = 16
MARK = 4.5
"""Half of a mark's width, with its edge."""


def name_points(
    axes: Axes,
    theme: Theme,
    places: Sequence[tuple[float, float]],
    names: Sequence[str],
    *,
    bold: Sequence[bool],
    lines: Sequence[Line] = (),
) -> None:
    """Write each name near its point. The axes must have their limits already; `lines`, upright or
    level, are not written on either."""
    figure = style.root(axes)
    # What is around the axes is laid out now, and stays: names are placed in what is left.
    with any_letters():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    scale = 72 / figure.dpi
    window = axes.get_window_extent()
    frame = np.array([window.x0, window.y0, window.x1, window.y1]) * scale
    points = axes.transData.transform(np.asarray(places, np.float64)) * scale
    ends = axes.transData.transform(np.asarray(lines, np.float64).reshape(-1, 2)) * scale
    ends = ends.reshape(-1, 2, 2)
    drawn = np.hstack([ends.min(1) - 1, ends.max(1) + 1])
    taken = np.vstack([np.hstack([points - MARK, points + MARK]), drawn])
    for place, name in enumerate(names):
        text = axes.annotate(
            style.escaped(name),
            places[place],
            xytext=(0, 0),
            textcoords="offset points",
            ha="left",
            va="bottom",
            color=theme.ink,
            fontsize=style.SMALL,
            fontweight="bold" if bold[place] else "normal",
            family="sans-serif",
            zorder=4,
            annotation_clip=False,
        )
        with any_letters():
            extent = text.get_window_extent()
        size = np.array([extent.width, extent.height]) * scale
        low, far = _free(points[place], size, taken, frame)
        text.set_position(tuple(low - points[place]))
        taken = np.vstack([taken, np.hstack([low, low + size])])
        if far:
            _lead(axes, theme, points[place], low, size)


def _free(point: Boxes, size: Boxes, taken: Boxes, frame: Boxes) -> tuple[Boxes, bool]:
    """The lower left corner of the first place that is free, or else of the least crowded."""
    best, least = point, np.inf
    for distance in np.arange(CLOSE, FAR, STEP):
        for turn in range(TURNS):
            # Right first, then left, then ever steeper.
            angle = np.pi * (turn % 2) + 2 * np.pi * (turn // 2) / TURNS
            way = np.array([np.cos(angle), np.sin(angle)])
            low = point + way * distance + (way - 1) / 2 * size
            crowd = _overlap(np.hstack([low, low + size]), taken, frame)
            if crowd < least:
                best, least = low, crowd
            if crowd == 0:
                return low, bool(distance > CLOSE + STEP)
    return best, True


def _overlap(box: Boxes, taken: Boxes, frame: Boxes) -> float:
    low = np.maximum(box[:2] - 1, taken[:, :2])
    high = np.minimum(box[2:] + 1, taken[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1).sum()
    outside = np.clip(frame[:2] - box[:2], 0, None) + np.clip(box[2:] - frame[2:], 0, None)
    return float(shared + 20 * outside.sum())


def _lead(axes: Axes, theme: Theme, point: Boxes, low: Boxes, size: Boxes) -> None:
    """A thin line from the point to the nearest place of its name."""
    end = np.clip(point, low, low + size)
    scale = style.root(axes).dpi / 72
    line = axes.transData.inverted().transform(np.stack([point, end]) * scale)
    axes.plot(line[:, 0], line[:, 1], color=theme.soft, linewidth=0.6, zorder=1)
