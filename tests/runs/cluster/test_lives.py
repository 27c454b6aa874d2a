"""What there is of a run behind a URL, put there by one life and brought back by another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bakeoff.data.remote import remote
from bakeoff.runs.cluster.errand import Brought
from bakeoff.runs.cluster.lives import Lives, segment
from bakeoff.runs.cluster.mirror import Mirror
from bakeoff.runs.run import Run
from bakeoff.spec.errors import CacheError, DataError
from bakeoff.training import checkpoint
from bakeoff.training.checkpoint import LoopState
from tests.runs.cluster.shelf import SHELF, Shelf, shelf
from tests.runs.digits import recipe

__all__ = ["shelf"]

FIRST, SECOND, THIRD = "0001-00000000", "0002-00000000", "0003-00000000"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has begun."""
    run = Run(path=tmp_path / "run")
    run.start(recipe(), {"seed": 0})
    run.record("began", {})
    return run


@pytest.fixture
def lives(shelf: type[Shelf]) -> Lives:
    """Of a run of which nothing is known yet."""
    return Lives(remote(SHELF).below("a-0"))


def learn(run: Run, step: int) -> None:
    """Have the run get somewhere."""
    run.record("steps", {"step": step})
    tensors = {"weights": {"a": torch.full((2,), float(step))}}
    checkpoint.save(run.checkpoints, LoopState(step=step, tensors=tensors, scalars={}))


def step(path: Path) -> int | None:
    """The step that can be gone on from."""
    found = checkpoint.load_newest(path / "checkpoints")
    return None if found is None else found.state.step


def test_at_any_moment_there_is_one_to_go_on_from(
    run: Run, lives: Lives, shelf: type[Shelf], tmp_path: Path
) -> None:
    """Whenever the node is lost: the checkpoint opens, and what was said before it is there."""
    mirror = Mirror(run, lives.life(FIRST))
    learn(run, 10)
    mirror.push()
    held = [dict(shelf.held)]
    shelf.watch = lambda what, path: held.append(dict(shelf.held))
    for number in (20, 30, 40):
        learn(run, number)
        mirror.push()
    shelf.watch = lambda what, path: None
    # Those that were replaced here are gone there.
    assert {one.split("/")[4] for one in shelf.names() if "/checkpoints/" in one} == {
        "step-000000030",
        "step-000000040",
    }
    assert len(held) > 15
    seen = set()
    for number, one in enumerate(held):
        shelf.held = one
        path = tmp_path / str(number)
        assert lives.bring_newest(SECOND, path) == FIRST
        found = step(path)
        assert lives.newest_step() == f"step-{found:09d}"
        assert found in [event.get("step") for event in Run(path=path).events()]
        assert Run(path=path).recipe() == recipe()
        seen.add(found)
    assert seen == {10, 20, 30, 40}


def test_lines_that_were_refused(run: Run, lives: Lives, shelf: type[Shelf]) -> None:
    """They are put again as they were, for they may have been read."""
    mirror = Mirror(run, lives.life(FIRST))

    def watch(what: str, path: str) -> None:
        if "/events/" in path:
            raise OSError("503 Slow Down")

    shelf.watch = watch
    for _ in range(2):
        with pytest.raises(DataError):
            mirror.push()
    run.record("steps", {"step": 1})
    shelf.watch = lambda what, path: None
    mirror.push()
    mirror.push()
    lines = [one for one in shelf.names() if "/events/" in one]
    assert len(lines) == 2
    start = int(lines[1].rpartition("/")[2])
    assert lines[1].endswith(segment(start))
    content = (run.path / "events.jsonl").read_bytes()
    assert [shelf.held[f"bucket/runs/{one}"] for one in lines] == [content[:start], content[start:]]


def test_a_checkpoint_that_does_not_open(
    run: Run, lives: Lives, shelf: type[Shelf], tmp_path: Path
) -> None:
    """It is passed over for an older one of the same life, then for those of earlier lives."""
    mirror = Mirror(run, lives.life(FIRST))
    for number in (10, 20):
        learn(run, number)
        mirror.push()
    lives.life(SECOND).write("ticket", b"go")
    for damaged, found in ((None, 20), ("20/weights", 10), ("10/weights", None)):
        for name in list(shelf.held):
            if damaged is not None and f"{damaged}.safetensors" in name:
                shelf.held[name] = b"other"
        path = tmp_path / str(found)
        assert lives.bring_newest(THIRD, path) == (FIRST if found else "")
        assert step(path) == found
    assert not (tmp_path / "None").exists()


def test_a_life_comes_home(run: Run, lives: Lives, shelf: type[Shelf], tmp_path: Path) -> None:
    """All its files in the place of what is there, and how it ended; without checkpoints."""
    learn(run, 10)
    mirror = Mirror(run, lives.life(FIRST))
    mirror.push()
    assert lives.over() is None
    mirror.finish(Brought(reason=("crashed", "out of paper"), seconds=1.5))
    assert lives.over() == FIRST
    path = tmp_path / "home"
    path.mkdir()
    (path / "old").touch()
    brought = lives.bring_home(FIRST, path).brought
    assert (brought.finished, brought.reason) == (False, ("crashed", "out of paper"))
    assert brought.seconds == 1.5
    assert sorted(one.name for one in path.iterdir()) == [
        "environment.json",
        "events.jsonl",
        "recipe.json",
    ]
    assert (path / "events.jsonl").read_bytes() == (run.path / "events.jsonl").read_bytes()


def test_other_bytes(run: Run, lives: Lives, shelf: type[Shelf], tmp_path: Path) -> None:
    """What comes back otherwise than it was put there is not taken, nor what leads elsewhere."""
    Mirror(run, lives.life(FIRST)).finish(Brought(finished=True))
    name = f"bucket/runs/a-0/{FIRST}/run/recipe.json"
    shelf.held[name] += b" "
    with pytest.raises(CacheError, match=r"run/recipe.json has other bytes than the node wrote\."):
        lives.bring_home(FIRST, tmp_path / "home")
    over = f"bucket/runs/a-0/{FIRST}/over.json"
    told = json.loads(shelf.held[over])
    told["files"] = {"../outside": told["files"]["recipe.json"]}
    shelf.held[over] = json.dumps(told).encode()
    with pytest.raises(CacheError, match=r"\.\./outside is no file of a run"):
        lives.bring_home(FIRST, tmp_path / "home")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "home").exists()


def test_lives_are_counted(lives: Lives, shelf: type[Shelf]) -> None:
    """One more each time, and never the same whoever counts; tickets can be taken from all."""
    first, other = lives.next(), lives.next()
    assert (first[:5], first != other) == ("0001-", True)
    lives.life(first).write("ticket", b"go")
    assert lives.next().startswith("0002-")
    lives.take_tickets()
    assert lives.found() == {}
