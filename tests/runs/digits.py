"""A dataset and recipes that take a moment."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.data.dataset import Dataset, load
from bakeoff.runs.execute import execute
from bakeoff.runs.result import Outcome
from bakeoff.runs.run import Run
from bakeoff.spec.errors import UserError
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.split import SplitPlan
from tests.training.jobs import DEVICE, TINY, stage

__all__ = ["digits", "equal", "recipe", "refused", "run", "told"]


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


VOLATILE = ("seconds", "clock")
"""What a result says of time."""


def told(out: Path) -> dict[str, Any]:
    """A result without what it says of time."""
    result = Run(path=out).result()
    del result["probe"]["seconds"]
    return {name: value for name, value in result.items() if name not in VOLATILE}


def equal(one: Path, other: Path) -> bool:
    """Whether two runs have the same weights, bit by bit, predictions and numbers. What was noted
    of going on is no result."""
    mine, yours = (load_file(out / "weights.safetensors") for out in (one, other))
    shown, seen = (Run(path=out).predictions("val") for out in (one, other))
    results = [{**told(out), "notes": None, "exact": None} for out in (one, other)]
    return (
        mine.keys() == yours.keys()
        and all(torch.equal(held, yours[name]) for name, held in mine.items())
        and all(np.array_equal(shown[name], seen[name]) for name in shown)
        and results[0] == results[1]
    )


def refused(out: Path, declared: Recipe | None = None, **how: Any) -> str:
    """What a user is told, in one paragraph."""
    with pytest.raises(UserError) as caught:
        run(out, declared, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)
