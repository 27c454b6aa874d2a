"""Contenders in whom nothing is random."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bakeoff.evaluation.predictions import Predictions
from bakeoff.recipes import get
from bakeoff.runs.repeatable import identical, repeatable
from bakeoff.spec.estimator import Estimator, RandomForest
from tests.evaluation.simulated import predictions
from tests.runs.baking import baked, cheap, near, tiny


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("linear", True), ("nearest-pixels", True), ("forest", False), ("cnn3", False)],
)
def test_by_its_recipe(name: str, wanted: bool) -> None:
    """Methods that are solved are; forests draw, and networks begin from random weights."""
    assert repeatable(get(name), random_weights=False) is wanted


def test_pixels_know_no_weights() -> None:
    """Random weights make features random, and pixels not."""
    assert repeatable(get("linear"), random_weights=True)
    probe = get("probe-resnet50")
    assert isinstance(probe.network, Estimator)
    assert repeatable(probe, random_weights=False)
    assert not repeatable(probe, random_weights=True)
    forest = replace(probe.network, method=RandomForest(), grid=())
    assert not repeatable(replace(probe, network=forest), random_weights=False)


def test_identical() -> None:
    """To the last bit, in every run of both."""
    one, other = predictions(0), predictions(1)
    nudged: Predictions = replace(one, probabilities=np.nextafter(one.probabilities, 1))
    found = identical({"a": [one, one], "b": [one], "c": [one, other], "d": [nudged]})
    assert found == {frozenset(("a", "b"))}


def test_repeated_in_a_bakeoff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nothing is random in has the same numbers and pairs, however many seeds were asked
    for, and by another name it is the same."""
    cheap(monkeypatch)
    once, often = tmp_path / "once", tmp_path / "often"
    baked(once, near(), near("other"), tiny(), seeds=1)
    baked(often, near(), near("other"), tiny(), seeds=2)
    first, second = (json.loads((out / "result.json").read_text()) for out in (once, often))
    rows = [found["contenders"] for found in (first, second)]
    assert [one["deterministic"] for one in rows[1]] == [True, True, False]
    assert rows[0][0]["numbers"] == rows[1][0]["numbers"]
    assert rows[1][0]["numbers"]["accuracy"]["seeds"] == 1
    assert rows[1][2]["numbers"]["accuracy"]["seeds"] == 2
    assert first["pairs"][0] == second["pairs"][0]
    assert first["pairs"][0]["words"].startswith("near and other are the same: ")
    (caution,) = [text for text in first["verdict"]["warnings"] if text.startswith("One seed")]
    assert "another seed, tiny may do otherwise" in caution
