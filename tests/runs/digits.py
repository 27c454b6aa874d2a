"""A dataset and recipes that take a moment."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bakeoff.data.dataset import Dataset, load
from bakeoff.runs.execute import execute
from bakeoff.runs.result import Outcome
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.split import SplitPlan
from tests.training.jobs import DEVICE, TINY, stage

__all__ = ["digits", "recipe", "run"]


@cache
def digits(subset: int = 200, seed: int = 0) -> Dataset:
    """Some of scikit-learn's digits; looked at once, whatever cache a test has."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_DATA", folder)
        return load("digits", plan=SplitPlan(subset=subset, seed=seed))


def recipe(*stages: Any, **fields: Any) -> Recipe:
    """A tiny network, two short epochs."""
    return Recipe(
        **{
            "name": "tiny",
            "network": Network(rows=TINY),
            "preprocess": Preprocess(size=8),
            "stages": stages or (stage(batch=32),),
            **fields,
        }
    )


def run(out: Path, declared: Recipe | None = None, **how: Any) -> Outcome:
    """Execute on the digits."""
    dataset = how.pop("dataset", None) or digits()
    return execute(declared or recipe(), dataset, out, **{"device": DEVICE, **how})
