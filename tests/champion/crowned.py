"""Runs to crown, made in a moment: a network's weights are chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bakeoff.champion.crowning import crown, knowing
from bakeoff.data.dataset import Dataset
from bakeoff.data.decode import fit
from bakeoff.data.progress import silent
from bakeoff.models.classifier import assemble, initialise
from bakeoff.runs.environment import describe
from bakeoff.runs.prepare import settled
from bakeoff.runs.run import Run
from bakeoff.spec.recipe import Recipe
from tests.runs.digits import digits
from tests.training.jobs import DEVICE

__all__ = ["light", "untrained"]


def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Champions without a graph, which takes seconds, and with few foreign pictures."""
    monkeypatch.setattr(crown, "added_graph", lambda *_: "it was left out")
    monkeypatch.setattr(knowing, "_MOST", 4)
    monkeypatch.setattr(knowing, "_FEWEST", 2)


def untrained(out: Path, declared: Recipe, *, dataset: Dataset | None = None) -> Run:
    """A sealed run of a network whose weights are chance, with what that says of validation."""
    dataset = dataset or digits()
    recipe = settled(declared, dataset, progress=silent)
    classes, val = len(dataset.classes), dataset.split.val
    classifier = assemble(
        recipe.network, recipe.preprocess, classes=classes, seed=1, pretrained=False
    )
    shown = np.stack([fit(dataset.picture(int(one)), recipe.preprocess) for one in val])
    initialise(classifier, torch.from_numpy(shown))
    with torch.inference_mode():
        shares = classifier.eval().probabilities(torch.from_numpy(shown)).numpy()
    run = Run(path=out)
    told = describe(recipe, dataset, DEVICE, seed=1)
    run.start(recipe, told)
    run.predict("val", {"indices": val, "labels": dataset.labels[val], "probabilities": shares})
    run.keep_weights(classifier.state_dict())
    run.seal({"seed": 1, "accuracy": 0.1, "warnings": [], "random_weights": False})
    return run
