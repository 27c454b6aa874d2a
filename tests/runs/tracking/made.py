"""A run of two stages, made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.runs.run import Run
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Stage
from bakeoff.training.events import Evaluated, Stepped
from tests.runs.little import dense

__all__ = ["ENVIRONMENT", "looked", "recipe", "started", "stepped"]

ENVIRONMENT: dict[str, Any] = {
    "seed": 3,
    "code": "c0de",
    "data": {"name": "digits", "digest": "da7a"},
    "device": {"place": "cpu", "dtype": "float32", "processes": 1},
}
RESULT: dict[str, Any] = {
    "accuracy": 0.75,
    "loss": 0.5,
    "parameters": 100,
    "seconds": {"train": 2.0},
    "tta": {"views": 2, "accuracy": 0.875, "loss": 0.25},
}


def recipe() -> Recipe:
    """Two stages."""
    one = dense()
    stages = (Stage(epochs=1), Stage(epochs=2, optimiser=SGD(rate=0.25)))
    return Recipe(name="two", network=one.network, stages=stages)


def started(path: Path) -> Run:
    """A run that has begun."""
    run = Run(path=path)
    run.start(recipe(), ENVIRONMENT)
    return run


def stepped(step: int, stage: int = 0, loss: float = 0.5) -> Stepped:
    """Some steps."""
    return Stepped(
        stage=stage,
        step=step,
        epoch=step / 10,
        place=0.5,
        loss=loss,
        rate=1.0,
        pictures=100,
        seconds=0.5,
        memory=1000,
    )


def looked(step: int, stage: int = 0) -> Evaluated:
    """A look at validation."""
    return Evaluated(
        stage=stage,
        step=step,
        epoch=1.0,
        train_loss=0.5,
        loss=0.25,
        accuracy=0.875,
        probabilities=np.zeros((1, 2), np.float32),
        best=True,
        seconds=1.0,
    )
