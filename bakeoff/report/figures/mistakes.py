"""The most confident mistakes: where to look for wrong labels, and for what was not learnt."""

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
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """Wrong predictions, the surest first, each with what it was taken for and what it is."""
    wrong = np.flatnonzero(~table.correct)
    wrong = wrong[np.argsort(-table.confidence[wrong], kind="stable")][:count]
    cards = [
        gallery.Card(
            pixels=dataset.picture(int(table.indices[place])),
            said=f"{style.short(said, 14)} · {percent(sure, 0)}",
            below=f"is {style.short(true, 15)}",
            right=False,
        )
        for place, said, true, sure in _read(table, wrong.tolist())
    ]
    told = "; ".join(
        f"{true} taken for {said}, {percent(sure, 0)} sure"
        for _, said, true, sure in _read(table, wrong.tolist())
    )
    return gallery.draw(
        f"Most confident mistakes: {style.short(name, 34)}",
        cards,
        words=f"Most confident mistakes of {name}: {told or 'there are none'}.",
        ax=ax,
        theme=theme,
    )


def _read(table: Predictions, places: list[int]) -> list[tuple[int, str, str, float]]:
    """Place, predicted class, true class and confidence."""
    return [
        (
            place,
            table.classes[table.predicted[place]],
            table.classes[table.labels[place]],
            float(table.confidence[place]),
        )
        for place in places
    ]
