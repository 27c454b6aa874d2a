"""What is taken for what: true classes down, predicted ones across."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bakeoff.report.figures import style
from bakeoff.report.figures.colours import Theme, ThemeName
from bakeoff.report.units import percent

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.int64]

__all__ = ["NAMED", "WRITTEN", "draw"]

WRITTEN, NAMED = 20, 40
"""Classes up to which cells hold their counts, and up to which all classes are named."""

LEGIBLE = 0.58
"""The strongest colour that a count can be read on, in light and in dark."""

LEVELS = 12
"""Strengths of colour; cells of one strength are drawn as one shape."""


def draw(
    name: str,
    classes: Sequence[str],
    confusion: Sequence[Sequence[int]],
    *,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """A square of counts; the colour says which share of its row a cell holds."""
    counts = np.asarray(confusion, np.int64)
    size = len(classes)
    side = 4.6 if size <= 10 else 5.6 if size <= WRITTEN else 6.4
    axes, colours = style.begin(ax, (side + 1.7, side + 1.7), theme)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    if size <= NAMED:
        _squares(axes, colours, shares)
    else:
        _image(axes, colours, shares)
    if size <= WRITTEN:
        _figures(axes, colours, counts)
    _names(axes, classes)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_aspect("equal")
    title = f"Confusion: {style.short(name, 34)}"
    style.titled(axes, colours, title, x="predicted class", y="true class")
    style.described(axes, _words(name, classes, counts))
    return axes


def _squares(axes: Axes, colours: Theme, shares: Floats) -> None:
    """Cells that hold something, right ones blue and wrong ones orange."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = np.array([(-0.48, -0.48), (0.48, -0.48), (0.48, 0.48), (-0.48, 0.48), (0, 0)])
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    levels = np.ceil(_strength(shares) * LEVELS).astype(np.int64)
    right = np.eye(len(shares), dtype=np.bool_)
    most = LEGIBLE if len(shares) <= WRITTEN else 1.0
    for level in range(1, LEVELS + 1):
        for side, colour in ((right, colours.good), (~right, colours.bad)):
            cells = np.argwhere(side & (levels == level) & (shares > 0))[:, ::-1]
            if len(cells):
                places = (cells[:, None] + corners).reshape(-1, 2)
                path = Path(places, codes * len(cells))
                strength = most * level / LEVELS
                axes.add_patch(PathPatch(path, facecolor=colour, alpha=strength, linewidth=0))


def _image(axes: Axes, colours: Theme, shares: Floats) -> None:
    """The same as one small picture: thousands of squares would be slow to show."""
    from matplotlib.colors import to_rgb

    right = np.eye(len(shares), dtype=np.bool_)[..., None]
    hue = np.where(right, to_rgb(colours.good), to_rgb(colours.bad))
    axes.imshow(np.dstack([hue, _strength(shares)]), interpolation="none")


def _strength(shares: Floats) -> Floats:
    """Small shares must be seen, too."""
    strength: Floats = np.where(shares > 0, 0.06 + 0.94 * np.sqrt(shares), 0)
    return strength


def _figures(axes: Axes, colours: Theme, counts: Counts) -> None:
    for row, column in np.argwhere(counts > 0).tolist():
        axes.text(
            column,
            row,
            f"{counts[row, column]}",
            ha="center",
            va="center",
            color=colours.ink,
            fontsize=style.SMALL if len(counts) <= 10 else style.TINY,
            family="sans-serif",
        )


def _names(axes: Axes, classes: Sequence[str]) -> None:
    """All names, or of many every so many-th."""
    step = -(-len(classes) // NAMED)
    places = range(0, len(classes), step)
    names = [style.short(classes[place], 18) for place in places]
    small = style.SMALL if len(classes) <= WRITTEN else style.TINY
    axes.tick_params(labelsize=small)
    style.labels(axes.yaxis, places, names)
    upright = len(classes) > WRITTEN or max(map(len, names)) > 3
    style.labels(axes.xaxis, places, names, rotation=90 if upright else 0)


def _words(name: str, classes: Sequence[str], counts: Counts) -> str:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:5]
    pairs = [np.unravel_index(place, wrong.shape) for place in order.tolist()]
    told = "; ".join(
        f"{classes[row]} taken for {classes[column]} {wrong[row, column]} times"
        for row, column in pairs
        if wrong[row, column]
    )
    right = percent(float(np.trace(counts) / max(counts.sum(), 1)))
    return f"Confusion of {name}: {right} are right. Most frequent mistakes: {told or 'none'}."
