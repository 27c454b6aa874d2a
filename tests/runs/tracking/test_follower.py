"""A tracker is told of a run, and cannot harm it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from bakeoff.runs.run import Run
from bakeoff.runs.tracking.follower import following
from bakeoff.runs.tracking.tracker import Ending, Point
from bakeoff.training.events import Noted
from tests.runs.tracking.made import RESULT, looked, started, stepped


class Notebook:
    """A tracker that keeps what it is told."""

    name = "notebook"

    def __init__(self, fails: str = "", until: threading.Event | None = None) -> None:
        self.said: list[tuple[str, object]] = []
        self.points: list[Point] = []
        self._fails, self._until = fails, until

    def place(self, run: Run) -> str:
        return "here"

    def open(self, run: Run, step: int) -> None:
        self._note("open", step)

    def write(self, points: Sequence[Point]) -> None:
        self._note("write", None)
        self.points.extend(points)

    def close(self, ending: Ending) -> None:
        self._note("close", ending)

    def _note(self, what: str, value: object) -> None:
        if self._until is not None:
            self._until.wait(20)
        if what == self._fails:
            raise OSError("http://me:secret@place/x is gone\nand more")
        if what != "write":
            self.said.append((what, value))


def refused(text: str) -> None:
    """Nothing has to be warned of."""
    raise AssertionError(text)


def test_steps_count_over_stages(tmp_path: Path) -> None:
    """Steps, looks and the result, each at its step over all stages."""
    run, book = started(tmp_path / "run"), Notebook()
    with following(book, run, refused) as follow:
        follow(stepped(4))
        follow(Noted(text="Oh."))
        follow(stepped(10))
        follow(looked(10))
        follow(stepped(3, stage=1, loss=0.125))
        run.seal(RESULT)
    assert book.said == [("open", 4), ("close", "finished")]
    assert [point.step for point in book.points] == [4, 10, 10, 13, 13]
    assert book.points[2].values == {"validation/loss": 0.25, "validation/accuracy": 0.875}
    assert book.points[3].values == {
        "train/stage": 2,
        "train/epoch": 0.3,
        "train/loss": 0.125,
        "train/rate": 1.0,
        "train/pictures_per_second": 200.0,
        "train/memory": 1000,
    }
    assert book.points[4].values["final/accuracy"] == 0.75
    assert abs(book.points[4].time - run.path.stat().st_mtime) < 100


def test_going_on_counts_on(tmp_path: Path) -> None:
    """Stages of earlier lives count, each with what was said of it last."""
    run, book = started(tmp_path / "run"), Notebook()
    for stage, step in ((0, 9), (0, 7), (1, 5)):
        run.record("steps", {"stage": stage, "step": step})
    with following(book, run, refused) as follow:
        follow(stepped(2, stage=1))
    assert book.said == [("open", 9), ("close", "stopped")]


def test_an_error_ends_it_too(tmp_path: Path) -> None:
    """A run that fails is told to have failed, and the error goes its way."""
    run, book = started(tmp_path / "run"), Notebook()
    with pytest.raises(ZeroDivisionError), following(book, run, refused) as follow:
        follow(stepped(1))
        raise ZeroDivisionError
    assert book.said[-1] == ("close", "failed")


def test_an_estimator_has_only_a_result(tmp_path: Path) -> None:
    """What is fitted without steps is told at its end."""
    run, book = started(tmp_path / "run"), Notebook()
    with following(book, run, refused):
        run.seal(RESULT)
    assert [point.step for point in book.points] == [0]
    assert book.said == [("open", 0), ("close", "finished")]


def test_nothing_to_tell(tmp_path: Path) -> None:
    """A run that is over, or never began, leaves nothing behind; and so does no tracker."""
    run, book = started(tmp_path / "run"), Notebook()
    with following(None, run, refused) as follow:
        follow(stepped(1))
    with (
        pytest.raises(ZeroDivisionError),
        following(book, Run(path=tmp_path / "no"), refused),
    ):
        raise ZeroDivisionError
    run.seal(RESULT)
    with following(book, run, refused) as follow:
        follow(stepped(1))
    assert (book.said, book.points) == ([], [])


@pytest.mark.parametrize("fails", ["open", "write", "close"])
def test_a_tracker_that_fails(tmp_path: Path, fails: str) -> None:
    """It is said once, and training goes on."""
    run, warned = started(tmp_path / "run"), list[str]()
    with following(Notebook(fails), run, warned.append) as follow:
        for step in range(1, 20):
            follow(stepped(step))
    assert warned == [
        "Tracking with notebook ended (http://…@place/x is gone). The run goes on without, and "
        f"{run.path} records it."
    ]


def test_a_tracker_that_hangs(tmp_path: Path) -> None:
    """Training never waits for it, and its end only so long."""
    run, warned, until = started(tmp_path / "run"), list[str](), threading.Event()
    with following(Notebook(until=until), run, warned.append, patience=0.1) as follow:
        for step in range(1, 20):
            follow(stepped(step))
    until.set()
    assert warned == ["notebook did not take all in 0.1 s; left it at that."]
