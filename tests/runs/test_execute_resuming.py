"""Stopped, killed or damaged, a run goes on as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from bakeoff.runs import execute as wiring
from bakeoff.runs.run import Run
from bakeoff.spec.errors import CheckpointError
from bakeoff.spec.image import Augment
from bakeoff.spec.network import Network, Whiten
from bakeoff.spec.training import Budget, Constant
from bakeoff.training import engine
from bakeoff.training.checkpoint import checkpoints
from bakeoff.training.events import Event, Stepped
from bakeoff.training.leg import Leg
from bakeoff.training.team import Team
from tests.runs.digits import digits, equal, recipe, refused, run
from tests.training.jobs import TINY, backbone, stage


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
    told = refused(tmp_path / "one", budget=Budget(epochs=9), resume=True)
    assert told.startswith(f"the budget of {tmp_path / 'one'} must be the one it began with")
    assert "the seed of" in refused(tmp_path / "one", seed=5, resume=True)


def test_the_leader_says_that_a_run_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that sees the directory late neither begins anew nor waits for the others."""
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    monkeypatch.setattr(wiring, "joined", lambda team, place: nullcontext(team))
    monkeypatch.setattr(Team, "tell", lambda self, value: [True, True])
    outcome = run(tmp_path / "one")
    assert outcome.finished
    assert not outcome.run.path.exists()


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
import sys, time, torch
from pathlib import Path
from bakeoff.runs import execute as wiring
from bakeoff.training import engine
from tests.runs.digits import run, recipe
from tests.runs.test_execute_resuming import LONGER
engine._BETWEEN, wiring.SAVE_EVERY = 0.0, 0.0
heard = iter(range(40))
def listen(event):
    # On a busy machine it must not come to its end before it is killed.
    if next(heard, None) is None:
        time.sleep(600)
run(Path(sys.argv[1]), LONGER, resume=sys.argv[2] == "resume", listen=listen)
"""


LONGER = recipe(
    stage(batch=32, epochs=5, average=0.9, lookahead=2, size=6, balance="sampling"),
    stage(batch=32, epochs=5, schedule=Constant(), patience=4, balance="auto"),
    network=Network(rows=(Whiten(learns=0.3), *TINY[1:])),
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
    assert 0 <= resumed[0] <= resumed[1]
