"""Numbers as functions of sums over pictures."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.evaluation.calibration import reliability
from bakeoff.evaluation.metrics import measure
from bakeoff.evaluation.predictions import Predictions
from bakeoff.evaluation.statistic import STATISTICS, named
from tests.evaluation.simulated import predictions

NAMES = [*STATISTICS, "top1", "top2", "top3"]


def measured(table: Predictions, name: str) -> float:
    """As metrics and calibration compute it."""
    whole = measure(table.probabilities, table.labels, table.classes)
    if name == "ece":
        return reliability(table.probabilities, table.labels).ece
    if name.startswith("top"):
        return {1: whole.accuracy, **whole.top}[int(name[3:])]
    value = getattr(whole, name.removeprefix("macro_"))
    assert isinstance(value, float)
    return value


def summed(table: Predictions, name: str, weights: list[int]) -> float:
    """With pictures counting that many times each."""
    statistic = named(name)
    sums = statistic.sums(table) @ np.array(weights, dtype=np.float64)[:, None]
    return float(statistic.value(sums)[0])


@pytest.mark.parametrize("name", NAMES)
def test_they_are_what_is_measured_elsewhere(name: str) -> None:
    """Counting each picture once, every number is the one that tables show."""
    table = predictions(0)
    assert summed(table, name, [1] * 300) == pytest.approx(measured(table, name), abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_weights_stand_for_repetition(name: str) -> None:
    """A picture that counts twice is as good as there twice, one that counts nothing as gone."""
    table = predictions(1)
    weights = np.random.default_rng(0).integers(0, 4, 300)
    places = np.repeat(np.arange(300), weights)
    repeated = Predictions(
        indices=table.indices[places],
        labels=table.labels[places],
        probabilities=table.probabilities[places],
        classes=table.classes,
    )
    assert summed(table, name, weights.tolist()) == pytest.approx(measured(repeated, name))
