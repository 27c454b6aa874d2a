"""What is to be seen in a figure, and whether anything covers anything else."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.text import Text

from bakeoff.report.figures.style import root
from bakeoff.report.figures.svg import any_letters

__all__ = ["across", "overlapping", "texts", "up"]


def texts(axes: Axes) -> list[str]:
    """Everything that is written, dollar signs as they are shown."""
    return [one.get_text().replace("\\$", "$") for one in _written(axes)]


def across(line: Line2D) -> list[float]:
    """Places of a line's points from left to right."""
    return [float(each) for each in np.asarray(line.get_xdata()).tolist()]


def up(line: Line2D) -> list[float]:
    """Heights of a line's points."""
    return [float(each) for each in np.asarray(line.get_ydata()).tolist()]


def overlapping(axes: Axes) -> list[tuple[str, str]]:
    """Pairs of texts that share room, and texts that leave the figure."""
    found = _written(axes)
    figure = root(axes)
    boxes = [(one.get_text(), one.get_window_extent().padded(-0.8)) for one in found]
    pairs = [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]
    for text, box in boxes:
        inside = figure.bbox.padded(1)
        if not (inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)):
            pairs.append((text, "the rim"))
    return pairs


def _written(axes: Axes) -> list[Text]:
    figure = root(axes)
    with any_letters():
        figure.draw_without_rendering()
    unseen = {id(label) for one in figure.findobj(Axis) for label in _beyond(one)}
    return [
        one
        for one in figure.findobj(Text)
        if isinstance(one, Text)
        and one.get_visible()
        and one.get_text().strip()
        and id(one) not in unseen
    ]


def _beyond(axis: Artist) -> list[Text]:
    """Labels of ticks beyond the limits: they are there, but not drawn."""
    assert isinstance(axis, Axis)
    low, high = sorted(axis.get_view_interval())
    return [
        label
        for tick in axis.get_major_ticks()
        if not low - 1e-9 <= tick.get_loc() <= high + 1e-9
        for label in (tick.label1, tick.label2)
    ]
