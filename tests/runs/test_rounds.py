"""The runs of a bake-off: equal terms, crashes, deaths, stopping, going on."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bakeoff.data.dataset import Dataset
from bakeoff.runs import bakeoff, choosing, elimination, rounds
from bakeoff.runs.allotment import Allotment
from bakeoff.runs.board import Entered, Happening, RunBegan, RunEnded
from bakeoff.runs.execute import execute
from bakeoff.runs.folder import Folder
from bakeoff.runs.run import Run
from bakeoff.runs.watchman import Watchman
from bakeoff.spec.errors import CacheError, CheckpointError, SpecError
from bakeoff.spec.training import Budget
from bakeoff.training.events import Evaluated
from tests.runs.baking import baked, cheap, near, tiny


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are not measured."""
    cheap(monkeypatch)


class Executed:
    """Runs that were begun; some of them end otherwise."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.budgets: list[Any] = []
        self.resumed: list[str] = []
        self.fails: dict[str, BaseException] = {}

    def __call__(self, recipe: Any, dataset: Dataset, out: Path, **how: Any) -> Any:
        self.runs.append(out.name)
        self.budgets.append(how["budget"])
        if how["resume"]:
            self.resumed.append(out.name)
        if out.name in self.fails:
            raise self.fails[out.name]
        return execute(recipe, dataset, out, **how)


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> Executed:
    """Stands in the place of `execute`, and calls it."""
    made = Executed()
    monkeypatch.setattr(rounds, "execute", made)
    return made


def ends(told: list[Happening]) -> dict[str, str]:
    """How each run ended."""
    found = [one for one in told if isinstance(one, RunEnded)]
    return {f"{one.contender}-{one.seed}": one.status for one in found}


def test_the_order(tmp_path: Path, executed: Executed) -> None:
    """One seed of everyone after the other, those that end by themselves first."""
    told: list[Happening] = []
    assert baked(tmp_path, tiny("a"), near(), seeds=2, epochs=2.0, listen=told.append).finished
    assert executed.runs == ["near-0", "a-0", "near-1", "a-1"]
    assert {budget.epochs for budget in executed.budgets} == {2.0}
    assert isinstance(told[0], Entered)
    assert ends(told) == dict.fromkeys(executed.runs, "finished")
    assert Run(path=tmp_path / "runs" / "a-1").result()["seed"] == 1


def test_a_crash_is_a_row(tmp_path: Path, executed: Executed) -> None:
    """Who crashes gets no other seed; the rest go on, and nobody tries it again."""
    executed.fails["a-0"] = RuntimeError("out of paper\nand more")
    told: list[Happening] = []
    baked(tmp_path, tiny("a"), tiny("b"), seeds=2, listen=told.append)
    assert executed.runs == ["a-0", "b-0", "b-1"]
    assert ends(told) == {"a-0": "crashed", "b-0": "finished", "a-1": "crashed", "b-1": "finished"}
    past = Folder(path=tmp_path).journal.past()
    assert past.ended["a-0"].reason == "RuntimeError: out of paper"
    baked(tmp_path, tiny("a"), tiny("b"), seeds=2)
    assert len(executed.runs) == 3


def test_the_users_mistake_is_told_whole(tmp_path: Path, executed: Executed) -> None:
    """A reason that says what to do keeps its words."""
    executed.fails["a-0"] = SpecError("size", "must fit", 8, "Take 16.")
    baked(tmp_path, tiny("a"), near())
    past = Folder(path=tmp_path).journal.past()
    assert past.ended["a-0"].reason == "size must fit, but is 8. Take 16."


def test_one_seed_may_crash(tmp_path: Path, executed: Executed) -> None:
    """Who ended well once is tried with every seed."""
    executed.fails["a-1"] = RuntimeError("oh")
    told: list[Happening] = []
    baked(tmp_path, tiny("a"), seeds=3, listen=told.append)
    assert ends(told) == {"a-0": "finished", "a-1": "crashed", "a-2": "finished"}


@pytest.mark.parametrize(
    "error",
    [
        CacheError("cache", "is full"),
        CheckpointError("the checkpoint", "cannot be written: the disk is full"),
        OSError(errno.ENOSPC, "full"),
        KeyboardInterrupt(),
    ],
)
def test_what_is_no_contenders_fault(
    tmp_path: Path, executed: Executed, error: BaseException
) -> None:
    """A full disk or a second Ctrl-C ends the bake-off, and is held against no run."""
    executed.fails["a-0"] = error
    with pytest.raises(type(error)):
        baked(tmp_path, tiny("a"))
    executed.fails.clear()
    assert Folder(path=tmp_path).journal.past().deaths == {}
    assert baked(tmp_path, tiny("a")).finished


def test_finished_runs_are_not_run_again(tmp_path: Path, executed: Executed) -> None:
    """After a death the interrupted run goes on, and what was over stays as it was."""
    executed.fails["b-0"] = _Killed()
    with pytest.raises(_Killed):
        baked(tmp_path, tiny("a"), tiny("b"))
    _forget_goodbye(tmp_path)
    executed.fails.clear()
    told: list[Happening] = []
    assert baked(tmp_path, tiny("a"), tiny("b"), listen=told.append).finished
    assert executed.runs == ["a-0", "b-0", "b-0"]
    assert [one.remembered for one in told if isinstance(one, RunEnded)] == [True, False]


def test_a_run_that_kills_the_process(tmp_path: Path, executed: Executed) -> None:
    """Twice is enough: it is a crashed row, and the rest go on."""
    executed.fails["a-0"] = _Killed()
    for _ in range(2):
        with pytest.raises(_Killed):
            baked(tmp_path, tiny("a"), tiny("b"))
        _forget_goodbye(tmp_path)
    assert baked(tmp_path, tiny("a"), tiny("b")).finished
    assert executed.runs == ["a-0", "a-0", "b-0"]
    reason = Folder(path=tmp_path).journal.past().ended["a-0"].reason
    assert reason == (
        "The whole process died 2 times while this ran, and got no further: out of memory, perhaps."
    )


def test_stopping_and_going_on(tmp_path: Path, executed: Executed) -> None:
    """Asked to stop within a run, it leaves a checkpoint and goes on from there to the same end."""
    alone = tmp_path / "alone"
    baked(alone, tiny("a"), epochs=4.0)
    asked: list[bool] = []

    def listen(happening: Happening) -> None:
        if isinstance(getattr(happening, "event", None), Evaluated):
            asked.append(True)

    out = tmp_path / "out"
    assert not baked(out, tiny("a"), epochs=4.0, listen=listen, stop=lambda: bool(asked)).finished
    assert any((out / "runs" / "a-0" / "checkpoints").iterdir())
    told: list[Happening] = []
    assert baked(out, tiny("a"), epochs=4.0, listen=told.append).finished
    assert executed.resumed == ["a-0"]
    assert [one.resumed for one in told if isinstance(one, RunBegan)] == [True]
    first, second = (Run(path=one / "runs" / "a-0").result() for one in (alone, out))
    assert (first["accuracy"], first["loss"]) == (second["accuracy"], second["loss"])


def test_asked_to_stop_before_the_next(tmp_path: Path, executed: Executed) -> None:
    """No other run is begun."""
    assert not baked(tmp_path, tiny("a"), stop=lambda: True).finished
    assert executed.runs == []


def test_the_lost_get_no_other_seed(
    tmp_path: Path, executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far behind after the first round: stopped, if that saves time and is not switched off."""
    monkeypatch.setattr(rounds, "WORTH", 0.0)
    baked(tmp_path / "one", tiny("a"), near(), seeds=2)
    assert executed.runs == ["near-0", "a-0", "near-1"]
    stopped = Folder(path=tmp_path / "one").journal.past().stopped
    assert "points below that of near" in stopped["a"]
    baked(tmp_path / "two", tiny("a"), near(), seeds=2, stopping=False)
    assert len(executed.runs) == 7
    monkeypatch.setattr(rounds, "WORTH", elimination.WORTH)
    baked(tmp_path / "three", tiny("a"), near(), seeds=2)
    assert len(executed.runs) == 11


def test_who_cannot_win_stops_nobody(
    tmp_path: Path, executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contender that is too large is no measure for the others."""
    monkeypatch.setattr(rounds, "WORTH", 0.0)
    baked(tmp_path, tiny("a"), near(), seeds=2, max_size=4000)
    assert executed.runs == ["near-0", "a-0", "near-1", "a-1"]


def test_hopeless_at_half_time(
    tmp_path: Path, executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that could not reach the best any more is stopped, and a row with the reason."""
    monkeypatch.setattr(elimination, "AHEAD", -1.0)
    monkeypatch.setattr(elimination, "_FEWEST", 0)
    told: list[Happening] = []
    baked(tmp_path, near(), tiny("a"), epochs=8.0, seeds=2, listen=told.append)
    assert ends(told)["a-0"] == "stopped"
    assert executed.runs == ["near-0", "a-0", "near-1"]


def test_nobody_is_held_against_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lucky first seed stops no other of the same recipe."""
    monkeypatch.setattr(elimination, "AHEAD", -1.0)
    monkeypatch.setattr(elimination, "_FEWEST", 0)
    told: list[Happening] = []
    baked(tmp_path, tiny("a"), epochs=8.0, seeds=2, listen=told.append)
    assert ends(told) == {"a-0": "finished", "a-1": "finished"}


def test_a_stopped_seed_stops_its_contender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its other seeds reached is no mean: it gets no other seed and does not take part."""

    def watchman(*args: Any, **how: Any) -> Any:
        beside = Watchman(*args, **{**how, "best": None})
        if len(begun) == 2:
            beside.reason = ("stopped", "hopeless")
            monkeypatch.setattr(beside, "stop", lambda: True)
        return beside

    begun: list[str] = []

    def listen(happening: Happening) -> None:
        told.append(happening)
        if isinstance(happening, RunBegan) and happening.contender == "a":
            begun.append(f"a-{happening.seed}")
        elif isinstance(happening, RunBegan):
            begun.clear()

    told: list[Happening] = []
    monkeypatch.setattr(rounds, "Watchman", watchman)
    baked(tmp_path, tiny("a"), epochs=8.0, seeds=3, listen=listen)
    assert ends(told) == {"a-0": "finished", "a-1": "stopped", "a-2": "stopped"}
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["contenders"][0]["status"] == "stopped"
    assert found["contenders"][0]["reason"] == "Seed 1: hopeless"
    assert (found["contenders"][0]["numbers"], found["verdict"]["winner"]) == ({}, None)


def test_shares_are_equal(
    tmp_path: Path, executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a round everyone who uses up the time gets the same, and what measuring did not take
    is there for the next one."""
    now = 100.0

    def uses_it_up(recipe: Any, dataset: Dataset, out: Path, **how: Any) -> Any:
        nonlocal now
        now += how["budget"].seconds
        return executed(recipe, dataset, out, **{**how, "budget": Budget(epochs=1.0)})

    # On a clock of its own, so that no other program's work is part of it.
    monkeypatch.setattr(bakeoff, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(rounds, "execute", uses_it_up)
    baked(tmp_path, tiny("a"), tiny("b"), seeds=2, seconds=1000.0, stopping=False)
    assert executed.runs == ["a-0", "b-0", "a-1", "b-1"]
    begun = [
        json.loads(line)
        for line in (tmp_path / "events.jsonl").read_text().splitlines()
        if '"began"' in line
    ]
    first, again, second, last = (one["share"] for one in begun)
    assert first == again < 250
    assert second == last > first
    assert now - 100 == pytest.approx(first + again + second + last)
    assert 980 < now - 100 < 1000


def test_no_seed_in_half_the_time(
    tmp_path: Path, executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the time is used up there is no other round for anybody, and the verdict says so."""
    monkeypatch.setattr(choosing, "_FIXED", (0.0, 0.0))
    shares = iter([1.0, 2.4, 1.0])
    monkeypatch.setattr(Allotment, "share", lambda self, name, **how: next(shares))
    told: list[Happening] = []
    baked(tmp_path, near(), tiny("a"), seeds=3, seconds=60.0, listen=told.append)
    assert executed.runs == ["near-0", "a-0"]
    assert ends(told)["near-1"] == ends(told)["a-2"] == "unfinished"
    found = json.loads((tmp_path / "result.json").read_text())
    assert [len(one["runs"]) for one in found["contenders"]] == [1, 1]
    assert found["verdict"]["warnings"][-1].startswith("There was time for 1 of the 3 seeds")
    executed.runs.clear()
    baked(tmp_path, near(), tiny("a"), seeds=3, seconds=60.0)
    assert executed.runs == []


class _Killed(BaseException):
    """Stands for SIGKILL."""


def _forget_goodbye(out: Path) -> None:
    """Take away what a process that was killed would not have written."""
    path = out / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    assert '"aside"' in lines[-1]
    path.write_text("".join(lines[:-1]))
