"""`--track NAME`: the run shown in another tool as it goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli.options import CompletionItem

if TYPE_CHECKING:
    from bakeoff.runs.tracking.tracker import Tracker

__all__ = ["Track", "chosen_tracker"]

_TRACKERS = {
    "mlflow": "to MLFLOW_TRACKING_URI, or into mlruns/ in the run's directory",
    "tensorboard": "into tensorboard/ in the run's directory",
}


def complete_tracker(incomplete: str) -> list[CompletionItem]:
    """Trackers by name."""
    return [item for item in _TRACKERS.items() if item[0].startswith(incomplete)]


Track = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Show the run in another tool too, as it goes: tensorboard (files in the run's "
        "directory) or mlflow (MLFLOW_TRACKING_URI; without it, files in the run's directory).",
        autocompletion=complete_tracker,
    ),
]


def chosen_tracker(name: str | None) -> Tracker | None:
    """The tracker, ready; None in processes that only follow another."""
    if name is None or os.environ.get("RANK", "0") != "0":
        return None
    from bakeoff.runs.tracking.choice import tracker

    return tracker(name)
