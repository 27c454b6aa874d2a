"""Estimators in runs: what they are given beside the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from bakeoff.models import zero_shot
from bakeoff.models.fitted import FittedHead
from bakeoff.models.weights import RANDOM_NOTE
from bakeoff.runs.estimator import BakeoffClassifier
from bakeoff.spec.estimator import Estimator, ZeroShot
from bakeoff.spec.network import Backbone
from bakeoff.spec.recipe import Recipe
from tests.runs import little
from tests.runs.digits import digits, run

TINY = Backbone(name="test_resnet", weights="random", size=32, padding="own")
WORDS = Recipe(
    name="words", network=Estimator(method=ZeroShot(width=4), inputs=TINY, standardise=False)
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The names that a zero-shot classifier was told; its words mean nothing."""
    names: list[Sequence[str]] = []

    def fit(head: FittedHead, classes: Sequence[str], **_: Any) -> None:
        names.append(classes)
        torch.manual_seed(0)
        seen = torch.zeros(96)
        head.take(
            {"mean": seen, "factor": seen + 1, "directions": torch.empty(0)},
            {"projection": torch.randn(96, 4), "texts": torch.randn(len(classes), 4)},
        )

    monkeypatch.setattr(zero_shot, "ready", lambda *_, **__: None)
    monkeypatch.setattr(zero_shot, "fit", fit)
    return names


def test_a_run_tells_the_names_of_the_classes(tmp_path: Path, told: list[Sequence[str]]) -> None:
    """A zero-shot row is told the dataset's names, is measured like others, and tried nothing."""
    outcome = run(tmp_path / "one", WORDS)
    assert told == [digits().classes]
    assert outcome.run.result()["trials"] == []
    assert RANDOM_NOTE in outcome.run.result()["warnings"]
    assert outcome.run.predictions("val")["probabilities"].shape[1] == 10


def test_scikit_learn_users_tell_them_too(told: list[Sequence[str]]) -> None:
    """From arrays, the names are the targets."""
    pictures, labels = little.digits(100)
    names = [f"digit {label}" for label in labels]
    with pytest.warns(UserWarning, match=RANDOM_NOTE):
        BakeoffClassifier(recipe=WORDS, device="cpu").fit(pictures, names)
    assert told == [tuple(f"digit {number}" for number in range(10))]
