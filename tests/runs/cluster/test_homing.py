"""Runs that come home from behind a URL, on a cluster that is this process."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff.runs import execute
from bakeoff.runs.board import Happening, RunBegan, RunEnded, Told
from bakeoff.runs.cluster import afar, errand, tasks
from bakeoff.runs.cluster.cluster import Cluster
from bakeoff.runs.cluster.errand import Brought, Errand
from bakeoff.runs.cluster.homing import kept_at, remembered
from bakeoff.runs.cluster.via import Via
from bakeoff.runs.folder import Folder
from bakeoff.runs.run import Run
from bakeoff.runs.watchman import Watchman
from bakeoff.spec.errors import CacheError, SpecError
from bakeoff.training.events import Evaluated, Event, Noted
from tests.runs.baking import baked, cheap, near, tiny
from tests.runs.cluster.pretended import LostError, Pretended
from tests.runs.cluster.shelf import SHELF, Shelf, shelf
from tests.runs.cluster.test_tasks import found
from tests.runs.digits import equal

__all__ = ["shelf"]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are not measured, and every look leaves a checkpoint."""
    cheap(monkeypatch)
    monkeypatch.setattr(execute, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(errand, "_OFTEN", 0.0)


def cluster(ray: Pretended | None = None) -> Cluster:
    """Where runs are made that are kept on the shelf."""
    return Cluster(ray or Pretended(), "ray", Via(SHELF))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same bake-off at home."""
    out = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_DATA", str(out / "cache"))
        cheap(patch)
        baked(out / "out", near(), tiny("a"), epochs=4.0, seeds=2)
    return out / "out"


def same(out: Path, home: Path) -> bool:
    """Whether every number is what it is at home, and every file is there."""
    return found(out) == found(home) and all(
        equal(out / "runs" / name, home / "runs" / name) and files(out, name) == files(home, name)
        for name in ("a-0", "a-1")
    )


def files(out: Path, name: str) -> list[str]:
    """What lies in the directory of a run."""
    folder = out / "runs" / name
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def scratch(cache: Path) -> list[Path]:
    """What is left on the node."""
    return list((cache / "lives").iterdir())


@pytest.mark.parametrize("every", [0, 4])
def test_the_same_verdict(
    home: Path, tmp_path: Path, cache: Path, shelf: type[Shelf], every: int
) -> None:
    """Every number is what it is at home, whatever the storage refuses; each run begins once and
    says what it says once; and nothing is left there, nor on the node."""
    told: list[Happening] = []
    out = tmp_path / "out"

    def listen(happening: Happening) -> None:
        # Once all is found in order.
        shelf.every = every
        told.append(happening)

    how: dict[str, Any] = {"epochs": 4.0, "seeds": 2, "listen": listen}
    baked(out, near(), tiny("a"), elsewhere=cluster(), **how)
    assert same(out, home)
    assert sum(isinstance(one, RunBegan) for one in told) == 4
    looks = [one for one in told if isinstance(one, Told) and isinstance(one.event, Evaluated)]
    assert [round(one.place, 2) for one in looks if one.seed == 1] == [0.25, 0.5, 0.75, 1.0]
    assert [one.status for one in told if isinstance(one, RunEnded)] == ["finished"] * 4
    assert shelf.names() == []
    assert scratch(cache) == []


LEARNED = re.compile(r"a-0/.*/step-0*[1-9]\d*/manifest\.json")
"""A checkpoint of what the network learned."""


def halfway(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Have something happen once, when the network has got somewhere and left that on the shelf."""
    heard, seen, done = Watchman.heard, list[Event](), list[bool]()

    def waiting(self: Watchman, event: Event) -> None:
        heard(self, event)
        seen.extend([event] if isinstance(event, Evaluated) else [])
        if len(seen) < 2 or done:
            return
        until = time.monotonic() + 60.0
        while not any(map(LEARNED.search, Shelf.names())) and time.monotonic() < until:
            time.sleep(0.001)
        done.append(True)
        then()

    monkeypatch.setattr(Watchman, "heard", waiting)


def lost(monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Have the network's node be gone halfway: what it does after that is not seen any more."""
    kept, losses = dict[str, bytes](), list[str]()
    halfway(monkeypatch, lambda: kept.update(Shelf.held))

    def made(wanted: Errand, dataset: Any, sent: Any) -> Brought:
        brought = afar.carried_out_afar(wanted, dataset, sent)
        if wanted.name != "a-0" or len(losses) == times:
            return brought
        losses.append(wanted.name)
        monkeypatch.setattr(Shelf, "held", {**kept})
        raise LostError

    monkeypatch.setattr(tasks, "carried_out_afar", made)


def resumed(out: Path) -> list[int]:
    """The steps from which the network went on; it began once."""
    events = Run(path=out / "runs" / "a-0").events()
    assert sum(one["event"] == "began" for one in events) == 1
    return [one["step"] for one in events if one["event"] == "resumed"]


def test_a_lost_node(
    home: Path, tmp_path: Path, shelf: type[Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on from what was left behind the URL, and comes out the same."""
    told: list[Happening] = []
    lost(monkeypatch)
    how: dict[str, Any] = {"epochs": 4.0, "seeds": 2, "listen": told.append}
    baked(tmp_path / "out", near(), tiny("a"), elsewhere=cluster(), **how)
    (step,) = resumed(tmp_path / "out")
    assert step > 0
    assert same(tmp_path / "out", home)
    assert shelf.names() == []
    notes = [one.event for one in told if isinstance(one, Told) and isinstance(one.event, Noted)]
    gone = "Its process or node was lost (LostError); it goes on elsewhere."
    assert [one.text for one in notes if "lost" in one.text] == [gone]
    begun = [one for one in told if isinstance(one, RunBegan) and one.contender == "a"]
    assert [one.resumed for one in begun if one.seed == 0] == [False, True]


def test_lost_too_often(
    tmp_path: Path, shelf: type[Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without getting further it is a row; which it stays where the driver dies before it is the
    row's turn, and where the bake-off is asked again."""
    lost(monkeypatch, times=3)

    def listen(happening: Happening) -> None:
        if isinstance(happening, RunEnded):
            raise _Killed

    how: dict[str, Any] = {"epochs": 4.0, "elsewhere": cluster()}
    with pytest.raises(_Killed):
        baked(tmp_path, near(), tiny("a"), listen=listen, **how)
    assert "a-0" not in Folder(path=tmp_path).journal.past().ended
    for _ in range(2):
        assert baked(tmp_path, near(), tiny("a"), **how).finished
        end = Folder(path=tmp_path).journal.past().ended["a-0"]
        assert end.status == "crashed"
        assert "was lost 3 times, and got no further (LostError)" in (end.reason or "")
    assert shelf.names() == []


class _Killed(BaseException):
    """Stands for SIGKILL."""


def test_a_driver_that_dies(
    home: Path, tmp_path: Path, shelf: type[Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun again it need not be told where runs are. What ended meanwhile comes home; the rest
    goes on."""
    made: list[str] = []

    def noted(wanted: Errand, dataset: Any, sent: Any) -> Brought:
        made.append(wanted.name)
        brought = afar.carried_out_afar(wanted, dataset, sent)
        if made == ["near-0", "a-0"]:
            raise _Killed
        return brought

    monkeypatch.setattr(tasks, "carried_out_afar", noted)
    how: dict[str, Any] = {"epochs": 4.0, "seeds": 2}
    out = tmp_path / "out"
    with pytest.raises(_Killed):
        baked(out, near(), tiny("a"), elsewhere=cluster(), **how)
    assert not Run(path=out / "runs" / "a-0").is_sealed
    assert kept_at(out) == SHELF
    again = Cluster(Pretended(), "ray", remembered(out, None))
    assert baked(out, near(), tiny("a"), elsewhere=again, **how).finished
    assert made == ["near-0", "a-0", "near-1", "a-1"]
    assert same(out, home)
    assert shelf.names() == []
    assert Folder(path=out).journal.past().deaths == {}


def test_stopping(
    home: Path, tmp_path: Path, shelf: type[Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ticket that is changed has the run leave a checkpoint there, from which it goes on."""
    asked = threading.Event()
    how: dict[str, Any] = {"epochs": 4.0, "seeds": 2}

    def stop() -> None:
        for name in shelf.names():
            if name.endswith("/ticket"):
                shelf.held[f"bucket/runs/{name}"] = b"stop"
        asked.set()
        time.sleep(0.2)

    halfway(monkeypatch, stop)
    out = tmp_path / "out"
    line = near(), tiny("a")
    assert not baked(out, *line, stop=asked.is_set, elsewhere=cluster(), **how).finished
    assert any(map(LEARNED.search, shelf.names()))
    assert not Run(path=out / "runs" / "a-0").is_sealed
    assert baked(out, *line, elsewhere=cluster(), **how).finished
    (step,) = resumed(out)
    assert step > 0
    assert same(out, home)


def test_a_run_that_began_here(
    home: Path, tmp_path: Path, shelf: type[Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made at home so far is gone on with by a node."""
    asked: list[bool] = []

    def listen(happening: Happening) -> None:
        if isinstance(happening, Told) and happening.contender == "a":
            asked.extend([True] if isinstance(happening.event, Evaluated) else [])

    how: dict[str, Any] = {"epochs": 4.0, "seeds": 2}
    out = tmp_path / "out"
    stop = lambda: len(asked) > 1  # noqa: E731
    assert not baked(out, near(), tiny("a"), listen=listen, stop=stop, **how).finished
    assert baked(out, near(), tiny("a"), elsewhere=cluster(), **how).finished
    (step,) = resumed(out)
    assert step > 0
    assert same(out, home)


def test_a_place_that_is_gone(
    tmp_path: Path, shelf: type[Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusing for long, it ends the bake-off with its name and its words, and blames no run."""
    monkeypatch.setattr("bakeoff.runs.cluster.patience.LIMIT", 0.0)

    def watch(what: str, path: str) -> None:
        if path.endswith("recipe.json"):
            raise OSError("no such host")

    shelf.watch = watch
    with pytest.raises(CacheError) as caught:
        baked(tmp_path, near(), elsewhere=cluster())
    text = str(caught.value)
    assert text.startswith(f"--via: {SHELF}/")
    assert text.endswith(
        "/run/recipe.json cannot be written (OSError: no such host) for 0 minutes. What is done is "
        "kept: mend that, and the same command with --out goes on."
    )
    assert Folder(path=tmp_path).journal.past().ended == {}


def test_what_is_remembered(tmp_path: Path) -> None:
    """The URL without what may be a secret in it: that has to be given again; and no other."""
    assert remembered(tmp_path, None) is None
    assert remembered(None, "file:///a") == Via("file:///a")
    memory = {"via": "s3://bucket/a", "secret": True, "over": {}}
    (tmp_path / "via.json").write_text(json.dumps(memory))
    with pytest.raises(SpecError) as caught:
        remembered(tmp_path, None)
    assert str(caught.value) == (
        "--via must be given again, as what may be a secret in it is kept nowhere. It was "
        "s3://bucket/a, without that."
    )
    assert remembered(tmp_path, "s3://me:secret@bucket/a") == Via("s3://me:secret@bucket/a")
    with pytest.raises(SpecError) as caught:
        remembered(tmp_path, "s3://me:secret@bucket/b")
    assert str(caught.value) == (
        f"--via must be where runs of {tmp_path} are kept already, s3://bucket/a, but is "
        "'s3://bucket/b'. Give that one, or another --out."
    )
