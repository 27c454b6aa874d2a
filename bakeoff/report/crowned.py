"""The champion of a bake-off, in its folder."""

from __future__ import annotations

from pathlib import Path

from bakeoff.champion.crowning.choosing import chosen
from bakeoff.champion.crowning.crown import crown
from bakeoff.champion.crowning.standing import stands
from bakeoff.champion.place import FOLDER
from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress, silent
from bakeoff.report.findings import Findings

__all__ = ["crowned"]


def crowned(found: Findings, dataset: Dataset, *, progress: Progress = silent) -> Path | None:
    """The folder with the champion of a bake-off that is over, made unless it is there; None where
    nobody won. One of an earlier judgement is replaced, unless somebody signed it."""
    if found.winner is None:
        return None
    out = found.path / FOLDER
    if not stands(out, chosen(found.path)):
        crown(found.path, dataset, out, replacing=True, progress=progress)
    return out
