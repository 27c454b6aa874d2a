"""Pictures side by side on one pair of axes, each with a line or two below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakeoff.data.decode import fit
from bakeoff.report.figures import style
from bakeoff.report.figures.colours import ThemeName
from bakeoff.spec.image import Preprocess

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes

__all__ = ["Card", "draw"]

SIDE = 120
"""Longest side that is kept, in pixels."""

SMALL = Preprocess(size=SIDE, fit="stretch", interpolation="area")

ACROSS = 6
HIGH = 1.36
"""Height of a card with its lines, in widths of one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Card:
    """One picture and what is said of it."""

    pixels: npt.NDArray[np.uint8]
    said: str
    below: str
    right: bool


def draw(
    title: str,
    cards: Sequence[Card],
    *,
    words: str,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """Cards in rows, from the left and the top."""
    rows = max(1, -(-len(cards) // ACROSS))
    axes, colours = style.begin(ax, (7.8, 0.55 + 1.27 * HIGH * rows), theme, spines=())
    for place, card in enumerate(cards):
        down, across = divmod(place, ACROSS)
        height, width = card.pixels.shape[:2]
        wide, high = 0.9 * width / max(width, height), 0.9 * height / max(width, height)
        middle, foot = across + 0.5, down * HIGH + 0.95
        extent = (middle - wide / 2, middle + wide / 2, foot, foot - high)
        axes.imshow(_small(card.pixels), extent=extent, interpolation="none")
        for line, (text, strong) in enumerate(((card.said, True), (card.below, False))):
            axes.text(
                middle,
                foot + 0.05 + 0.15 * line,
                style.escaped(text),
                ha="center",
                va="top",
                color=(colours.good if card.right else colours.bad) if strong else colours.soft,
                fontsize=style.TINY + 0.5,
                fontweight="bold" if strong else "normal",
                family="sans-serif",
            )
    axes.set_xlim(0, ACROSS)
    axes.set_ylim(rows * HIGH, 0)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    style.titled(axes, colours, title)
    style.described(axes, words)
    return axes


def _small(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The picture, whole; a large one as a square that is brought back into shape where it is
    drawn."""
    return fit(pixels, SMALL) if max(pixels.shape[:2]) > SIDE else pixels
