"""Runs made side by side, on a cluster that is this process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bakeoff.runs import elimination
from bakeoff.runs.board import Doing, Happening, RunBegan, RunEnded, Told
from bakeoff.runs.cluster import cluster, errand, nodes, tasks
from bakeoff.runs.cluster.cluster import Cluster
from bakeoff.runs.cluster.errand import Brought, Errand, carried_out
from bakeoff.runs.environment import versions
from bakeoff.runs.folder import Folder
from bakeoff.spec.errors import CacheError, DataError, IncompatibleInstallError, SpecError
from bakeoff.training.events import Evaluated, Noted
from tests.runs.baking import baked, cheap, near, tiny
from tests.runs.cluster.pretended import LostError, Pretended, node
from tests.runs.cluster.test_errand import errand as an_errand
from tests.runs.digits import digits, equal
from tests.training.jobs import DEVICE


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are not measured."""
    cheap(monkeypatch)


def found(out: Path) -> Any:
    """The result, without how often the test part was opened and what was measured of time."""
    result = json.loads((out / "result.json").read_text())
    verdict = {**result["verdict"], "warnings": None}
    rows = [{**one, "runs": len(one["runs"]), "cost": None} for one in result["contenders"]]
    return verdict, result["pairs"], rows


def test_the_same_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every number of the result is what it is at home, and so is who was stopped at half time."""
    monkeypatch.setattr(elimination, "_FEWEST", 0)
    monkeypatch.setattr(elimination, "AHEAD", -1.0)
    line = near(), tiny("a"), tiny("b")
    told: list[list[Happening]] = [[], []]
    where = Cluster(Pretended(), "ray")
    baked(tmp_path / "here", *line, epochs=8.0, seeds=2, listen=told[0].append)
    baked(tmp_path / "there", *line, epochs=8.0, seeds=2, listen=told[1].append, elsewhere=where)
    assert found(tmp_path / "here") == found(tmp_path / "there")
    assert equal(tmp_path / "here" / "runs" / "near-1", tmp_path / "there" / "runs" / "near-1")
    ends = [
        [(one.contender, one.seed, one.status, one.validation, one.reason) for one in some]
        for some in ([event for event in each if isinstance(event, RunEnded)] for each in told)
    ]
    assert ends[0] == ends[1]
    assert "stopped" in [status for _, _, status, _, _ in ends[0]]


def test_what_is_told(tmp_path: Path) -> None:
    """Each run begins once, says what it says once, and ends with the seconds that it took; that it
    is over is told when it is, and not only at its turn."""
    told: list[Happening] = []
    ray = Pretended()
    baked(tmp_path, tiny("a"), epochs=3.0, listen=told.append, elsewhere=Cluster(ray, "ray"))
    looks = [one for one in told if isinstance(one, Told) and isinstance(one.event, Evaluated)]
    assert len([one for one in told if isinstance(one, RunBegan)]) == 1
    assert [round(one.place, 3) for one in looks] == [0.333, 0.667, 1.0]
    (end,) = [one for one in told if isinstance(one, RunEnded)]
    assert end.seconds > 0
    over = Doing(text="1 of 1 runs are over on ray")
    assert told.index(over) < told.index(end)
    assert Folder(path=tmp_path).journal.past().ended["a-0"].seconds == round(end.seconds, 3)
    (task,) = [one for one in ray.sent if one.work is carried_out]
    assert task.options == {"name": "a-0", "num_cpus": 1, "num_gpus": 0, "max_retries": 0}


def test_what_was_lost_goes_on(tmp_path: Path) -> None:
    """It is begun again, and said so; once too often without getting further, it is a row."""
    told: list[Happening] = []
    ray = Pretended()
    where = Cluster(ray, "ray")
    where.make = _failing(where, ray, 2)  # type: ignore[method-assign]
    baked(tmp_path / "a", tiny("a"), listen=told.append, elsewhere=where)
    notes = [one.event for one in told if isinstance(one, Told) and isinstance(one.event, Noted)]
    lost = "Its process or node was lost (LostError); it goes on elsewhere."
    assert notes[:2] == [Noted(text=lost)] * 2
    assert Folder(path=tmp_path / "a").journal.past().ended["a-0"].status == "finished"
    where.make = _failing(where, ray, 5)  # type: ignore[method-assign]
    baked(tmp_path / "b", tiny("a"), near(), elsewhere=where)
    past = Folder(path=tmp_path / "b").journal.past()
    assert {name: one.status for name, one in past.ended.items()} == {
        "near-0": "crashed",
        "a-0": "finished",
    }
    assert past.ended["near-0"].reason == (
        "The process that made it was lost 3 times, and got no further (LostError): out of memory, "
        "perhaps."
    )


def _failing(where: Cluster, ray: Pretended, times: int) -> Any:
    make = Cluster.make

    def made(errands: Any, **how: Any) -> Any:
        ray.fails = [LostError() for _ in range(times)]
        return make(where, errands, **how)

    return made


def test_stopping(tmp_path: Path) -> None:
    """Those that wait never begin, nothing is held against anybody, and it goes on later."""
    line = near(), tiny("a")
    asked: list[bool] = []
    ray = Pretended()

    def listen(happening: Happening) -> None:
        asked.append(isinstance(happening, RunBegan))

    def stop() -> bool:
        return any(asked)

    out = tmp_path / "out"
    where = Cluster(ray, "ray")
    assert not baked(out, *line, listen=listen, stop=stop, elsewhere=where).finished
    assert not (out / ".halt").exists()
    assert Folder(path=out).journal.past().deaths == {}
    assert baked(out, *line, elsewhere=where).finished
    baked(tmp_path / "here", *line)
    assert found(out) == found(tmp_path / "here")


def test_going_on_after_the_driver_died(tmp_path: Path) -> None:
    """Runs that were sealed meanwhile are read, not made again; and the others keep their terms."""
    line = near(), tiny("a")
    ray = Pretended()

    def listen(happening: Happening) -> None:
        if isinstance(happening, Told) and happening.contender == "a":
            raise _Killed

    with pytest.raises(_Killed):
        baked(tmp_path, *line, listen=listen, elsewhere=Cluster(ray, "ray"))
    assert Folder(path=tmp_path).journal.past().deaths == {}
    assert baked(tmp_path, *line, elsewhere=Cluster(ray, "ray")).finished
    for name in ("near-0", "a-0"):
        lines = (tmp_path / "runs" / name / "events.jsonl").read_text().splitlines()
        assert sum('"event": "began"' in one for one in lines) == 1


class _Killed(BaseException):
    """Stands for SIGKILL."""


def test_later_seeds_have_no_more_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget is that of one machine: what others at its side save is saved."""
    sent: list[Errand] = []

    def noted(wanted: Errand, dataset: Any) -> Brought:
        sent.append(wanted)
        return carried_out(wanted, dataset)

    shares = iter([5.0, 9.0, 2.0])
    monkeypatch.setattr("bakeoff.runs.sharing.Sharing.share", lambda *about: next(shares))
    monkeypatch.setattr(tasks, "carried_out", noted)
    where = Cluster(Pretended(), "ray")
    baked(tmp_path, near(), seeds=3, seconds=600.0, elsewhere=where)
    assert [one.share for one in sent] == [5.0, 5.0, 2.0]
    assert [one.limit for one in sent] == [5.0, 5.0, 2.0]


def test_a_full_disk_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it was met, and no run is blamed."""

    def full(*args: Any, **how: Any) -> Any:
        raise CacheError("the pack", "ran out of disk space")

    monkeypatch.setattr(errand, "execute", full)
    with pytest.raises(CacheError, match="the pack ran out of disk space"):
        baked(tmp_path, near(), elsewhere=Cluster(Pretended(), "ray"))
    assert Folder(path=tmp_path).journal.past().ended == {}


def test_a_lost_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to do is said; what is done is kept."""
    ray = Pretended()

    def gone(*about: Any, **how: Any) -> Any:
        raise ConnectionError("closed")

    monkeypatch.setattr(ray, "wait", gone)
    with pytest.raises(DataError) as caught:
        baked(tmp_path, near(), elsewhere=Cluster(ray, "ray://head:10001"))
    assert str(caught.value) == (
        "--on ray://head:10001 lost the cluster; what is done is kept. Go on with the same "
        "command, --out and --resume."
    )


def test_checked_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions, the path, processors: an error leaves nothing behind."""
    out = tmp_path / "bakeoffs" / "out"
    with pytest.raises(SpecError, match="must lead to nodes with 1 CPU, as many as a run has here"):
        baked(out, near(), elsewhere=Cluster(Pretended(node(CPU=0.5)), "ray"))
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "versions", lambda: {"torch": "1.0"})
        with pytest.raises(IncompatibleInstallError, match=r"has torch \S+ instead of 1\.0, "):
            baked(out, near(), elsewhere=Cluster(Pretended(), "ray"))
    with monkeypatch.context() as patch:
        told = {"read": "", "versions": versions(), "trouble": ""}
        patch.setattr(nodes, "what_is_there", lambda: lambda path: told)
        with pytest.raises(DataError, match=r"node 10\.0\.0\.1 does not see what is written there"):
            baked(out, near(), elsewhere=Cluster(Pretended(), "ray"))
    with monkeypatch.context() as patch:
        patch.setattr(nodes, "missing", lambda dataset: "/data is missing there")
        with pytest.raises(DataError, match=r"the data of node 10\.0\.0\.1 must be digits at the "):
            baked(out, near(), elsewhere=Cluster(Pretended(), "ray"))
    assert sorted(one.name for one in tmp_path.iterdir() if one.name != "cache") == []


def test_a_node_that_does_not_answer(tmp_path: Path) -> None:
    """It is named, and so is what Ray said."""
    ray = Pretended()
    ray.fails = [ray.exceptions.GetTimeoutError(), LostError()]
    for said in ("and said nothing for 300 s", r"and did not \(LostError\)"):
        with pytest.raises(DataError, match=rf"node 10\.0\.0\.1 of --on ray must answer, {said}"):
            baked(tmp_path / "out", near(), elsewhere=Cluster(ray, "ray"))


def test_a_task_sees_its_own_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever GPU this process has, a task has the first of those it was given: one."""
    sent: list[Errand] = []

    def noted(wanted: Errand, dataset: Any) -> Brought:
        sent.append(wanted)
        return Brought()

    monkeypatch.setattr(tasks, "carried_out", noted)
    ray = Pretended(node(CPU=8.0, GPU=2.0))
    where = Cluster(ray, "ray")
    device = replace(DEVICE, place=torch.device("cuda", 3))
    where.ready(digits(), device, tmp_path)
    wanted = [an_errand(tmp_path, device=device)]
    where.make(wanted, tell=lambda told: None, stop=lambda: False)
    assert sent[0].device.place == torch.device("cuda", 0)
    assert (ray.sent[-1].options["num_gpus"], ray.sent[-1].options["num_cpus"]) == (1, 4)
