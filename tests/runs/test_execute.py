"""The wiring: from a recipe and a dataset to a sealed directory, through every way it may break."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from bakeoff.evaluation.metrics import measure
from bakeoff.recipes import get
from bakeoff.runs import execute as wiring
from bakeoff.runs.run import Run
from bakeoff.spec.errors import CacheError, CheckpointError, UserError
from bakeoff.spec.estimator import Estimator, LinearProbe, LinearRegression, Pixels
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.network import Backbone, MaxPool
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Budget, Constant
from bakeoff.training import engine
from bakeoff.training.checkpoint import checkpoints
from bakeoff.training.events import Event, Stepped
from bakeoff.training.feeding import Job
from bakeoff.training.leg import Leg
from tests.runs.digits import digits, recipe, run
from tests.training.jobs import backbone, small, stage

VOLATILE = ("seconds", "clock")
"""What a result says of time."""


def told(out: Path) -> dict[str, Any]:
    """A result without what it says of time."""
    return {name: value for name, value in Run(path=out).result().items() if name not in VOLATILE}


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
    for name in ("accuracy", "loss", "precision", "recall", "f1", "pictures"):
        assert result[name] == getattr(metrics, name)
    assert (result["part"], result["seed"], result["exact"]) == ("val", 5, True)
    assert (result["steps"], result["data"]) == (10, digits().digest)
    kinds = [event["event"] for event in made.events()]
    assert kinds[0] == "began"
    assert set(kinds) == {"began", "steps", "evaluated"}
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


def stopping_after(steps: int) -> tuple[Any, Any]:
    """A listener and a question that stop a run after so many steps."""
    seen: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, Stepped):
            seen.append(event.step)

    return listen, lambda: len(seen) + 1 >= steps


@pytest.mark.parametrize("steps", [1, 5, 7])
def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """It is not sealed, has a checkpoint, and with `resume` ends as an unbroken one; both say that
    they are exact."""
    run(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_BETWEEN", 0.0)
        listen, stop = stopping_after(steps)
        outcome = run(tmp_path / "one", listen=listen, stop=stop)
    assert not outcome.finished
    assert not outcome.run.is_sealed
    assert checkpoints(outcome.run.checkpoints)[0].name == f"step-{steps:09d}"
    assert run(tmp_path / "one", resume=True).finished
    assert equal(tmp_path / "whole", tmp_path / "one")
    text = f"Resumed at step {steps} on the same code, device and libraries: exact."
    assert outcome.run.result()["notes"] == [text]
    assert not outcome.run.checkpoints.exists()


def test_going_on_with_a_sealed_run_shows_its_result(tmp_path: Path) -> None:
    """Nothing is done again, and nothing is written."""
    run(tmp_path / "one")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    outcome = run(tmp_path / "one", resume=True)
    assert outcome.finished
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "is 'f" not in refused(tmp_path / "one", dataset=digits(seed=1), resume=True)


def begun(out: Path, monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
    """A run that was stopped after seven steps, with a checkpoint of each."""
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_BETWEEN", 0.0)
        patch.setattr(wiring, "SAVE_EVERY", 0.0)
        listen, stop = stopping_after(7)
        assert not run(out, listen=listen, stop=stop, **how).finished


def test_a_damaged_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before it is used, which is said; the end is the same."""
    run(tmp_path / "whole")
    begun(tmp_path / "one", monkeypatch)
    newest, before = checkpoints(tmp_path / "one" / "checkpoints")
    assert (newest.name, before.name) == ("step-000000007", "step-000000006")
    file = newest / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    run(tmp_path / "one", resume=True)
    assert equal(tmp_path / "whole", tmp_path / "one")
    notes = Run(path=tmp_path / "one").result()["notes"]
    assert notes[0].startswith(f"{file} has other bytes than were written. This checkpoint is not")
    assert notes[1].startswith("Resumed at step 6 ")


def test_all_checkpoints_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing whole to go on from, it says so, and what to do."""
    begun(tmp_path / "one", monkeypatch)
    for path in checkpoints(tmp_path / "one" / "checkpoints"):
        (path / "manifest.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"every checkpoint in .* is damaged: ") as caught:
        run(tmp_path / "one", resume=True)
    assert str(caught.value).endswith("Delete the folder and start again.")


def test_a_run_that_never_got_to_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins again, and ends as it would have."""
    run(tmp_path / "whole")
    begun(tmp_path / "one", monkeypatch)
    for path in checkpoints(tmp_path / "one" / "checkpoints"):
        path.rename(path.with_name("gone-" + path.name))
    run(tmp_path / "one", resume=True)
    assert equal(tmp_path / "whole", tmp_path / "one")


def test_going_on_with_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other data, another split, recipe, seed or budget is refused, and the run left as it is."""
    out = tmp_path / "one"
    begun(out, monkeypatch)
    before = (out / "events.jsonl").read_bytes()
    same = "Give the same command as at the first start, with --out and --resume."
    other = digits(seed=1)
    assert refused(out, resume=True, dataset=other) == (
        f"the data of {out} must be the data it began with: its digest was "
        f"{digits().digest[:12]} and is {other.digest[:12]}. Give the same data and split options "
        "as at the first start."
    )
    assert refused(out, recipe(stage(epochs=3)), resume=True) == (
        f"the recipe of {out} must be the recipe it began with, in all its settings. {same}"
    )
    assert refused(out, resume=True, seed=4) == (
        f"the seed of {out} must be the one it began with, 0, but is 4. {same}"
    )
    told = refused(out, resume=True, budget=Budget(seconds=9))
    assert told.startswith(f"the budget of {out} must be the one it began with, None, but is {{")
    assert (out / "events.jsonl").read_bytes() == before


def test_going_on_elsewhere_is_not_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other code or another device is allowed, and the run says that it is not exact."""
    begun(tmp_path / "one", monkeypatch)
    file = tmp_path / "one" / "environment.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({**facts, "code": "old", "libraries": {"torch": "2.0"}}))
    run(tmp_path / "one", resume=True)
    result = Run(path=tmp_path / "one").result()
    assert not result["exact"]
    assert result["notes"] == ["Resumed at step 7 with other code and libraries: not exact."]


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    """A directory in which no run began."""
    assert refused(tmp_path / "none", resume=True) == (
        f"{tmp_path / 'none'} is not the directory of a run: environment.json is missing. Give "
        "the --out of a run that began, or leave out --resume."
    )


def test_what_was_noted_before_a_stop_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was not exact in its first life is not exact at its end."""
    forward = Leg.forward

    def tight(self: Leg, images: Tensor) -> Tensor:
        if self.classifier.training and len(images) > 16:
            raise RuntimeError("can't allocate memory")
        return forward(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(Leg, "forward", tight)
        begun(tmp_path / "one", patch)
    run(tmp_path / "one", resume=True)
    result = Run(path=tmp_path / "one").result()
    assert not result["exact"]
    assert result["notes"][0].startswith("Memory ran out, so batches of 32 now go through")


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

    monkeypatch.setattr(wiring, "checked", seen)
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


def test_head_first_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fine-tuning that is stopped in its second stage ends as an unbroken one."""
    declared = recipe(
        stage(train="head", batch=32, epochs=1),
        stage(batch=32, epochs=1, schedule=Constant(), average=0.9),
        network=backbone(),
    )
    run(tmp_path / "whole", declared)
    begun(tmp_path / "one", monkeypatch, declared=declared)
    run(tmp_path / "one", declared, resume=True)
    assert equal(tmp_path / "whole", tmp_path / "one")
    notes = Run(path=tmp_path / "one").result()["notes"]
    assert notes[0] == "Features by torch fp32."


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


def test_asking_to_stop_while_packing(tmp_path: Path) -> None:
    """Before there is a run to go on with, stopping is an interrupt, and leaves no directory."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "one", stop=lambda: True)
    assert not (tmp_path / "one").exists()


def test_asking_to_stop_while_features_are_extracted(tmp_path: Path) -> None:
    """The run ends with what it has, and goes on from there."""
    declared = recipe(stage(train="head", batch=32), network=backbone())
    run(tmp_path / "whole", declared)
    for folder in (tmp_path / "cache" / "features").iterdir():
        if folder.is_dir():
            folder.rename(folder.with_name("old" + folder.name))
    telling: list[str] = []

    def progress(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        telling.append(task)

    outcome = run(
        tmp_path / "one",
        declared,
        progress=progress,
        stop=lambda: "extracting features" in telling,
    )
    assert not outcome.finished
    run(tmp_path / "one", declared, resume=True)
    assert equal(tmp_path / "whole", tmp_path / "one")


KILLED = """
import sys, torch
from pathlib import Path
from bakeoff.runs import execute as wiring
from bakeoff.training import engine
from tests.runs.digits import run, recipe
from tests.runs.test_execute import LONGER
engine._BETWEEN, wiring.SAVE_EVERY = 0.0, 0.0
run(Path(sys.argv[1]), LONGER, resume=sys.argv[2] == "resume")
"""
LONGER = recipe(
    stage(batch=32, epochs=5, average=0.9, lookahead=2),
    stage(batch=32, epochs=5, schedule=Constant(), patience=4),
    augment=Augment(flip="random", crop=1, mixup=0.2),
)


def lives(out: Path, resume: str) -> subprocess.Popen[str]:
    """A life of a run in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out), resume],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """A run that is killed without warning, several times and whatever it was doing, ends with the
    same bits as one that was left alone."""
    run(tmp_path / "whole", LONGER)
    out = tmp_path / "one"
    for resume in ("fresh", "resume"):
        before, more = len(Run(path=out).events()), random.randint(2, 25)
        process = lives(out, resume)
        while process.poll() is None and len(Run(path=out).events()) < before + more:
            time.sleep(random.random() / 500)
        process.send_signal(signal.SIGKILL)
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == -signal.SIGKILL
    run(out, LONGER, resume=True)
    assert equal(tmp_path / "whole", out)
    resumed = [event["step"] for event in Run(path=out).events() if event["event"] == "resumed"]
    assert len(resumed) == 2
    assert 0 <= resumed[0] < resumed[1]
