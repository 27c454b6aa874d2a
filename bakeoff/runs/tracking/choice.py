"""Trackers by name."""

from __future__ import annotations

from collections.abc import Callable

from bakeoff.runs.tracking.mlflow import MLflow
from bakeoff.runs.tracking.tensorboard import TensorBoard
from bakeoff.runs.tracking.tracker import Tracker
from bakeoff.spec.errors import SpecError, one_of

__all__ = ["tracker"]

_KNOWN: dict[str, Callable[[], Tracker]] = {"mlflow": MLflow, "tensorboard": TensorBoard}


def tracker(name: str) -> Tracker:
    """The tracker called `name`, its package imported: what is missing is said now."""
    if name not in _KNOWN:
        raise SpecError("--track", "must be a tracker that is known", name, one_of(name, _KNOWN))
    return _KNOWN[name]()
