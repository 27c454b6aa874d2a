"""Bake-offs of a moment: tiny recipes on a few digits, their costs not measured but made up."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff.data.dataset import Dataset
from bakeoff.runs import bakeoff
from bakeoff.runs.bakeoff import Baked, bake
from bakeoff.runs.board import Happening
from bakeoff.runs.cluster.errand import Elsewhere
from bakeoff.runs.cost import Cost
from bakeoff.runs.question import Question
from bakeoff.runs.run import Run
from bakeoff.spec.estimator import Estimator, NearestNeighbours, Pixels
from bakeoff.spec.recipe import Recipe
from tests.runs.digits import digits, recipe
from tests.training.jobs import DEVICE, stage

__all__ = ["Told", "baked", "cheap", "near", "tiny"]

Told = list[Happening]


def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs by the length of the name, rather than of a process of their own; and no memory given
    back in between, of which a test process has much and needs none."""

    def cost(run: Run, **how: Any) -> Cost:
        parameters = len(run.path.name)
        return Cost(
            parameters=parameters,
            flops=1000,
            bytes=1000 * parameters,
            latency=parameters / 1000,
            throughput=1000.0,
            cold_start=None,
            conditions={},
        )

    monkeypatch.setattr(bakeoff, "measured", cost)
    monkeypatch.setattr(gc, "collect", lambda: 0)


def tiny(name: str = "tiny", **fields: Any) -> Recipe:
    """A tiny network, one short epoch."""
    return recipe(stage(batch=32, epochs=1), name=name, **fields)


def near(name: str = "near") -> Recipe:
    """Nearest neighbours: nothing to train, and most digits right."""
    network = Estimator(method=NearestNeighbours(count=5), inputs=Pixels(side=8))
    return Recipe(name=name, network=network)


def baked(
    out: Path,
    *recipes: Recipe,
    dataset: Dataset | None = None,
    listen: Callable[[Happening], None] = lambda happening: None,
    stop: Callable[[], bool] = lambda: False,
    elsewhere: Elsewhere | None = None,
    **asked: Any,
) -> Baked:
    """Bake these recipes on the digits."""
    names = ",".join(one.name for one in recipes)
    question = Question(**{"data": "digits", "lineup": names, "seeds": 1, **asked})
    return bake(
        question,
        dataset or digits(),
        out,
        own={one.name: one for one in recipes},
        device=DEVICE,
        elsewhere=elsewhere,
        listen=listen,
        stop=stop,
    )
