"""Predictions drawn on a few pictures, whichever chance picks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bakeoff.data.dataset import Dataset
from bakeoff.evaluation.predictions import Predictions
from bakeoff.report.figures import gallery, style
from bakeoff.report.figures.colours import ThemeName
from bakeoff.report.units import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]


def draw(
    name: str,
    table: Predictions,
    dataset: Dataset,
    *,
    count: int = 12,
    seed: int = 0,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """Pictures drawn by lot, right and wrong as they come."""
    drawn = np.random.default_rng(seed).permutation(len(table))[:count]
    cards = []
    for place in np.sort(drawn).tolist():
        said, true = (table.classes[labels[place]] for labels in (table.predicted, table.labels))
        right = bool(table.correct[place])
        sure = percent(float(table.confidence[place]), 0)
        cards.append(
            gallery.Card(
                pixels=dataset.picture(int(table.indices[place])),
                said=f"{'✓' if right else '✗'} {style.short(said, 12)} · {sure}",
                below="" if right else f"is {style.short(true, 15)}",
                right=right,
            )
        )
    hits = sum(card.right for card in cards)
    return gallery.draw(
        f"Samples: {style.short(name, 34)}",
        cards,
        words=f"{len(cards)} pictures and what {name} says of them; {hits} are right.",
        ax=ax,
        theme=theme,
    )
