"""The wiring: from a recipe and a dataset to a sealed directory, through every way it may break."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.evaluation.calibration import reliability
from bakeoff.evaluation.metrics import measure
from bakeoff.recipes import get
from bakeoff.runs import assembly
from bakeoff.runs import execute as wiring
from bakeoff.spec.errors import CacheError, CheckpointError
from bakeoff.spec.estimator import Estimator, LinearProbe, LinearRegression, Pixels
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.network import Backbone, MaxPool
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Budget
from bakeoff.training import engine
from bakeoff.training.feeding import Job
from tests.runs.digits import digits, equal, recipe, refused, run
from tests.training.jobs import backbone, small, stage


def test_a_run_is_sealed(tmp_path: Path) -> None:
    """Everything that happened is in the directory, all of it of validation alone."""
    outcome = run(tmp_path / "one", seed=5)
    assert outcome.finished
    made = outcome.run
    assert {path.name for path in made.path.iterdir()} == {
        "recipe.json",
        "environment.json",
        "events.jsonl",
        "predictions",
        "weights.safetensors",
        "result.json",
    }
    result, saved = made.result(), made.predictions("val")
    labels = digits().labels[digits().split.val]
    assert saved["indices"].tolist() == digits().split.val.tolist()
    assert saved["labels"].tolist() == labels.tolist()
    metrics = measure(saved["probabilities"], labels, digits().classes)
    assert outcome.metrics == metrics
    macro, weighted = (
        [start + name for name in ("precision", "recall", "f1")] for start in ("", "weighted_")
    )
    for name in ("accuracy", "loss", *macro, *weighted, "pictures"):
        assert result[name] == getattr(metrics, name)
    assert {k: result[f"top{k}"] for k in (2, 3, 5)} == metrics.top
    assert result["ece"] == reliability(saved["probabilities"], labels).ece
    assert result["probe"].keys() == {"accuracy", "pictures", "seconds", "reason"}
    assert (result["part"], result["seed"], result["exact"]) == ("val", 5, True)
    assert (result["steps"], result["data"]) == (10, digits().digest)
    kinds = [event["event"] for event in made.events()]
    assert kinds[0] == "began"
    assert set(kinds) == {"began", "steps", "evaluated"}
    assert min(event["memory"] for event in made.events() if event["event"] == "steps") > 10e6
    assert result["clock"].endswith(".")
    assert result["seconds"].keys() == {"prepare", "train"}


def test_what_it_takes_to_repeat_it(tmp_path: Path) -> None:
    """The settled recipe, the data, the code, the versions, the device and its threads."""
    made = run(tmp_path / "one", recipe(preprocess=Preprocess())).run
    settled = made.recipe()
    assert settled.preprocess.size == 8
    assert settled.preprocess.mean is not None
    found = made.environment()
    assert found["data"]["digest"] == digits().digest
    assert (
        found["data"]["sizes"] == {"train": 178, "val": 22, "test": 180} or found["data"]["sizes"]
    )
    assert len(found["code"]) == 64
    assert found["device"]["threads"] == 1
    assert found["device"]["processes"] == 1
    assert found["device"]["dtype"] == "float32"
    assert found["libraries"]["torch"] == torch.__version__.partition("+")[0] or torch.__version__
    assert (found["seed"], found["budget"]) == (0, None)


def test_the_saved_model_is_the_measured_one(tmp_path: Path) -> None:
    """Weights from the directory, in a network from its recipe, give the saved predictions."""
    from bakeoff.data.progress import silent
    from bakeoff.models.classifier import assemble
    from bakeoff.runs.prepare import prepared

    declared = recipe(stage(batch=32, average=0.8, epochs=3))
    made = run(tmp_path / "one", declared).run
    settled = made.recipe()
    material = prepared(settled, digits(), progress=silent)
    again = assemble(settled.network, settled.preprocess, classes=10, seed=99)
    again.load_state_dict(load_file(made.path / "weights.safetensors"))
    with torch.inference_mode():
        shares = again.eval().probabilities(torch.from_numpy(material.pictures[material.val]))
    saved = made.predictions("val")["probabilities"]
    np.testing.assert_allclose(shares.numpy(), saved, rtol=1e-5, atol=1e-6)


def test_the_same_seed_the_same_run(tmp_path: Path) -> None:
    """Bit by bit; another seed gives another run."""
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        run(tmp_path / name, seed=seed)
    assert equal(tmp_path / "one", tmp_path / "again")
    assert not equal(tmp_path / "one", tmp_path / "other")


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (recipe(network=small(*[MaxPool()] * 4)), "MaxPool"),
        (recipe(stage(), stage(train=99), network=backbone()), "Stage.train must be at most"),
        (
            recipe(stage(train="head"), network=backbone(), augment=Augment(cutmix=1.0)),
            "must not mix pictures where only the head is trained",
        ),
        (recipe(preprocess=Preprocess(), augment=Augment(cutout=9)), "(8 pixels), but is 9."),
    ],
)
def test_what_does_not_fit_leaves_nothing_behind(
    tmp_path: Path, declared: Recipe, message: str
) -> None:
    """A recipe that cannot be trained on these pictures is refused before a directory is made."""
    assert message in refused(tmp_path / "one", declared)
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("name", ["speed", "speed-wide", "cnn10"])
def test_shipped_recipes_on_pictures_that_are_too_small(tmp_path: Path, name: str) -> None:
    """On eight pixels the user is told what does not fit, and a size that does."""
    told = refused(tmp_path / "one", get(name))
    assert "size" in told
    assert not (tmp_path / "one").exists()


def test_a_directory_that_is_taken(tmp_path: Path) -> None:
    """It is refused before any work is done, cache and all."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "mine").write_text("mine")
    assert "never writes over another" in refused(tmp_path / "one")
    assert not (tmp_path / "cache" / "packs").exists()


def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the user is told, and the last checkpoint is there to go on from."""
    run(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_BETWEEN", 0.0)
        patch.setattr(wiring, "SAVE_EVERY", 0.0)
        patch.setattr(os, "fsync", full_after(30))
        with pytest.raises((CheckpointError, CacheError), match=r"disk (is full|space)"):
            run(tmp_path / "one")
    run(tmp_path / "one", resume=True)
    assert equal(tmp_path / "whole", tmp_path / "one")


def full_after(calls: int) -> Any:
    """fsync on a disk that is full after so many calls."""
    sync, made = os.fsync, iter(range(10**6))

    def fsync(descriptor: int) -> None:
        if next(made) >= calls:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    return fsync


def test_a_budget_counts_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training gets what loading, preparing and writing leave of a budget in seconds."""
    given: list[float | None] = []

    def seen(job: Job) -> Job:
        given.append(job.seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(assembly, "checked", seen)
    monkeypatch.setattr(time, "perf_counter", lambda: 1000.0)
    for budget in (Budget(seconds=60), Budget(seconds=3), Budget(epochs=1), None):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "one", budget=budget, spent=10.0)
    assert given == [pytest.approx(60 - 10 - 0.8, abs=0.01), 1.0, None, None]


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_have_ends(tmp_path: Path, seed: int) -> None:
    """What no generator takes is refused by name."""
    told = refused(tmp_path / "one", seed=seed)
    assert told == f"--seed must be between 0 and 4294967295, but is {seed}."


def test_broken_training_is_said_first(tmp_path: Path) -> None:
    """A run at chance level is flagged, in the outcome and in its result."""
    declared = recipe(stage(epochs=0.2, batch=32, optimiser=SGD(rate=1e-9)))
    outcome = run(tmp_path / "one", declared)
    assert outcome.warnings[0].startswith("BROKEN: accuracy ")
    assert outcome.run.result()["warnings"] == list(outcome.warnings)
    assert run(tmp_path / "one", declared, resume=True).warnings == outcome.warnings


def test_a_loss_that_never_moved_is_said(tmp_path: Path) -> None:
    """The losses of all epochs are looked at, also after a stop."""
    declared = recipe(stage(epochs=4, batch=32, optimiser=SGD(rate=1e-9)))
    warnings = run(tmp_path / "one", declared).warnings
    assert any(text.startswith("The training loss never moved") for text in warnings)


def test_random_weights_are_noted(tmp_path: Path) -> None:
    """A backbone that was never trained makes no transfer result."""
    declared = recipe(stage(train="head", batch=32), network=backbone())
    outcome = run(tmp_path / "one", declared)
    assert "random weights: not a transfer result" in outcome.warnings
    assert outcome.run.result()["random_weights"]


def probe(**fields: Any) -> Recipe:
    """An estimator on coarse pixels."""
    network = Estimator(
        method=LinearRegression(penalty=10.0),
        inputs=Pixels(side=4),
        grid=(LinearRegression(penalty=1e6),),
        folds=3,
    )
    return Recipe(name="linear", network=network, **fields)


def test_an_estimator_is_fitted(tmp_path: Path) -> None:
    """Its run has the trials that chose its settings, the best first, each fold with errors and
    scores, and then the same result as any run."""
    outcome = run(tmp_path / "one", probe())
    result = outcome.run.result()
    assert result["accuracy"] > 0.5
    trials = result["trials"]
    assert [trial["method"]["penalty"] for trial in trials] == [10.0, 1e6]
    assert trials[0]["mean"]["mse"] < trials[1]["mean"]["mse"]
    figures = ("mse", "mae", "r2", "accuracy", "precision", "recall", "f1")
    for trial in trials:
        assert len(trial["folds"]) == 3
        for name in figures:
            mean = np.mean([fold[name] for fold in trial["folds"]])
            assert trial["mean"][name] == pytest.approx(mean)
    saved = outcome.run.predictions("val")["probabilities"]
    np.testing.assert_allclose(saved.sum(1), 1, atol=1e-5)
    assert outcome.run.is_sealed
    run(tmp_path / "again", probe())
    assert equal(tmp_path / "one", tmp_path / "again")


def test_an_estimators_model_is_the_measured_one(tmp_path: Path) -> None:
    """Its weights, in a classifier made from its recipe, give the saved predictions."""
    from bakeoff.data.progress import silent
    from bakeoff.models.classifier import assemble
    from bakeoff.runs.prepare import prepared

    made = run(tmp_path / "one", probe()).run
    settled = made.recipe()
    material = prepared(settled, digits(), progress=silent)
    again = assemble(settled.network, settled.preprocess, classes=10, seed=0)
    again.load_state_dict(load_file(made.path / "weights.safetensors"))
    with torch.inference_mode():
        shares = again.eval().probabilities(torch.from_numpy(material.pictures[material.val]))
    saved = made.predictions("val")["probabilities"]
    np.testing.assert_allclose(shares.numpy(), saved, rtol=1e-4, atol=1e-6)


def test_a_probe_shares_features_with_heads(tmp_path: Path, cache: Path) -> None:
    """An estimator on a frozen backbone uses what a head was trained on."""
    tiny = Backbone(name="test_resnet", weights="random", size=32, padding="own")
    run(tmp_path / "head", recipe(stage(train="head", batch=32), network=backbone()))
    there = set((cache / "features").iterdir())
    network = Estimator(method=LinearProbe(), inputs=tiny, folds=2)
    outcome = run(tmp_path / "probe", Recipe(name="probe", network=network))
    assert outcome.finished
    assert outcome.run.result()["notes"] == ["Features by torch fp32."]
    assert len(set((cache / "features").iterdir()) - there) <= 4
