"""The simulation of benchmarks/compare.py, which is no package."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.predictions import Predictions

PATH = Path(__file__).parents[2] / "benchmarks" / "compare.py"


@cache
def simulation() -> ModuleType:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("benchmark_of_compare", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def right(hits: int, pictures: int) -> npt.NDArray[np.bool_]:
    """One run that has the first pictures right."""
    return np.arange(pictures) < hits


def predictions(seed: int, pictures: int = 300, classes: int = 4) -> Predictions:
    """Predictions that are right more often than not, of pictures and labels all seeds share."""
    labels = np.random.default_rng(99).integers(0, classes, pictures)
    random = np.random.default_rng(seed)
    scores = random.normal(size=(pictures, classes)) + 1.5 * np.eye(classes)[labels]
    shares = np.exp(2 * scores)
    return Predictions(
        indices=np.arange(pictures),
        labels=labels,
        probabilities=(shares / shares.sum(1, keepdims=True)).astype(np.float32),
        classes=tuple("abcdefghij"[:classes]),
    )
