"""The linear classifier that a network is held against."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from bakeoff.runs import probe
from bakeoff.runs.probe import Probe, with_probe
from bakeoff.spec.estimator import Estimator, LinearRegression, Pixels
from bakeoff.spec.training import SGD, Adam, Budget
from bakeoff.training.feeding import Job
from bakeoff.training.material import Material
from bakeoff.training.team import Team
from tests.runs import little
from tests.runs.digits import digits, recipe, run
from tests.training.jobs import job, stage


def scanned(train: int = 200, val: int = 100, *, enlarged: int = 1) -> Material:
    """Digits, each pixel a square of so many a side."""
    values, labels = little.digits(train + val)
    grey = np.round(values.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    large = grey.repeat(enlarged, 1).repeat(enlarged, 2)
    return Material(
        pictures=np.repeat(large[..., None], 3, axis=3),
        labels=labels,
        train=np.arange(train),
        val=np.arange(train, train + val),
        classes=10,
        digest="digits",
    )


def probed(material: Material, **fields: float) -> tuple[Job, Probe]:
    """The probe of a job on these pictures."""
    return with_probe(replace(job(), material=material, **fields))  # type: ignore[arg-type]


def test_it_learns_what_a_line_can() -> None:
    """Digits are told apart by lines; labels that belong to no picture are not."""
    _, found = probed(scanned())
    assert found.accuracy is not None
    assert found.accuracy > 0.8
    assert (found.pictures, found.reason) == (100, None)
    assert found.seconds >= 0
    mixed = np.random.default_rng(0).permutation(scanned().labels)
    _, found = probed(replace(scanned(), labels=mixed))
    assert found.accuracy is not None
    assert found.accuracy < 0.3


def test_it_is_ridge_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same predictions as scikit-learn's, with the penalty whose predictions of pictures left
    out are the closest."""
    material = scanned(60, 40)
    assert isinstance(material.pictures, np.ndarray)
    pixels = material.pictures.transpose(0, 3, 1, 2).reshape(100, -1) / 255
    train, val = pixels[:60], pixels[60:]
    targets = np.eye(10)[material.labels[:60]]
    unit = float(np.square(train - train.mean(0)).sum() / 192)

    def left_out(penalty: float) -> float:
        missed = []
        for one in range(60):
            rest = np.arange(60) != one
            line = Ridge(penalty * unit).fit(train[rest], targets[rest])
            missed.append(targets[one] - line.predict(train[[one]])[0])
        return float(np.square(missed).mean())

    monkeypatch.setattr(probe, "_PENALTIES", (0.01, 1.0, 100.0))
    best = min((0.01, 1.0, 100.0), key=left_out)
    wanted = Ridge(best * unit).fit(train, targets).predict(val).argmax(1)
    assert probed(material)[1].accuracy == (wanted == material.labels[60:]).mean()
    base = torch.from_numpy(train - train.mean(0)), torch.from_numpy(targets - targets.mean(0))
    line = Ridge(best * unit).fit(train, targets).coef_.T
    np.testing.assert_allclose(probe._ridge(*base).numpy(), line, atol=1e-8)


def test_large_pictures_are_made_small_by_area() -> None:
    """Pictures of blocks have the same probe as those of the blocks' pixels."""
    assert probed(scanned(enlarged=5))[1].accuracy == probed(scanned())[1].accuracy


def test_pictures_of_one_colour() -> None:
    """Where there is nothing to tell apart, the commonest class is named."""
    material = scanned()
    blank = replace(material, pictures=np.zeros_like(material.pictures))
    commonest = np.bincount(material.labels[:200]).argmax()
    share = float((material.labels[200:] == commonest).mean())
    assert probed(blank)[1].accuracy == share


def test_no_more_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many or large pictures some are looked at, and the probe says how many."""
    monkeypatch.setattr(probe, "_VAL", 30)
    assert probed(scanned())[1].pictures == 30
    monkeypatch.setattr(probe, "_BYTES", 20 * 8 * 8 * 3)
    assert probed(scanned())[1].pictures == 20
    assert probe._counts(scanned()) == (20, 20)
    monkeypatch.setattr(probe, "_TARGETS", 150)
    assert probe._counts(scanned()) == (15, 20)


def test_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are chosen alike, in small pieces too, and generators and threads are left alone."""
    monkeypatch.setattr(probe, "_TRAIN", 100)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    torch.set_num_threads(2)
    _, first = probed(scanned())
    monkeypatch.setattr(probe, "_CHUNK", 1000)
    assert replace(probed(scanned())[1], seconds=first.seconds) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == 2


def test_it_counts_against_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it took is gone from the time for training; without a budget nothing is."""
    ticks = iter([100.0, 103.0, 100.0, 103.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    left, found = probed(scanned(), seconds=60.0)
    assert (left.seconds, found.seconds) == (57.0, 3.0)
    assert probed(scanned())[0].seconds is None


def test_a_budget_that_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no more than a twentieth of the time; else it is left out, and says why."""
    monkeypatch.setattr(probe, "_seconds", lambda material: 1.0)
    left, found = probed(scanned(), seconds=19.0)
    assert found == Probe(reason="it may take 1.0 s, more than 5% of the budget")
    assert left.seconds == 19.0
    assert probed(scanned(), seconds=21.0)[1].accuracy is not None


def test_what_it_takes_is_estimated() -> None:
    """More for more pictures, larger ones and more classes; moments for digits."""
    few = probe._seconds(scanned())
    assert 0 < few < 0.1
    assert few < probe._seconds(scanned(250, 50))
    assert few < probe._seconds(scanned(enlarged=4))
    assert few < probe._seconds(replace(scanned(), classes=1000))


def test_only_the_leader_computes_it() -> None:
    """Others of a team are not kept busy with what is written once."""
    other = replace(job(), team=Team(rank=1, world=2))
    assert with_probe(other) == (other, Probe(reason="the process that leads computes it"))


def test_a_run_below_it_is_said(tmp_path: Path) -> None:
    """A network that trained badly is held against the line, in its warnings and its result."""
    bad = recipe(stage(epochs=0.2, batch=32, optimiser=SGD(rate=1e-9)))
    outcome = run(tmp_path / "one", bad)
    result = outcome.run.result()
    told = result["probe"]
    assert told["accuracy"] > 0.6
    assert told["pictures"] == result["pictures"]
    below = [text for text in outcome.warnings if "that of a linear classifier" in text]
    assert len(below) == 1
    assert f"({told['accuracy']:.4f} on {told['pictures']:,})" in below[0]
    assert result["warnings"] == list(outcome.warnings)


def test_a_run_above_it_is_not(tmp_path: Path) -> None:
    """A network that learned is not warned of."""
    good = stage(epochs=20, batch=16, optimiser=Adam(rate=0.01))
    outcome = run(tmp_path / "one", replace(little.dense(), stages=(good,)))
    assert outcome.run.result()["probe"]["accuracy"] > 0.6
    assert outcome.warnings == ()


def test_estimators_have_none(tmp_path: Path) -> None:
    """They are no networks; the reason is in the result."""
    line = Estimator(method=LinearRegression(penalty=1.0), inputs=Pixels())
    declared = replace(recipe(), network=line, stages=())
    made = run(tmp_path / "one", declared, budget=Budget(seconds=60)).run
    assert json.loads((made.path / "result.json").read_text())["probe"] == {
        "accuracy": None,
        "pictures": 0,
        "seconds": 0.0,
        "reason": "the recipe is no network: it is fitted, not trained",
    }
    assert digits().digest == made.result()["data"]
