"""The state of a bake-off while it runs."""

from __future__ import annotations

import pytest

from bakeoff.runs.board import Board, Doing, Entered, RunBegan, RunEnded, Told
from bakeoff.runs.estimate import Estimate
from bakeoff.runs.lineup import Contender, Lineup
from tests.runs.baking import tiny
from tests.runs.test_watchman import look, step


class Clock:
    """Time that goes by when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def made(seconds: float | None = None, seeds: int = 2) -> tuple[Board, Clock]:
    """Two contenders, expected to take 10 s and 20 s a run."""
    contenders = tuple(
        Contender(
            recipe=tiny(name), expected=Estimate(seconds=took, least=1.0, fills=True, steps=9)
        )
        for name, took in (("a", 10.0), ("b", 20.0))
    )
    clock = Clock()
    board = Board(now=clock)
    lineup = Lineup(name="x", reason="", contenders=contenders)
    board.told(Entered(lineup=lineup, seeds=seeds, seconds=seconds, spent=5.0))
    return board, clock


def ended(contender: str, seed: int, seconds: float, status: str = "finished") -> RunEnded:
    """A run is over."""
    return RunEnded(
        contender=contender,
        seed=seed,
        status=status,  # type: ignore[arg-type]
        validation=0.5 + 0.1 * seed if status == "finished" else None,
        seconds=seconds,
        reason=None if status == "finished" else "oh",
    )


def test_before_anything() -> None:
    """All wait, and the time left is what was expected."""
    board, _ = made()
    assert [row.status for row in board.rows.values()] == ["waiting", "waiting"]
    assert board.left() == 60.0
    assert Board().left() is None


def test_a_run_on_its_way() -> None:
    """How far, how good at the last look, and how long by its own pace."""
    board, clock = made(seeds=1)
    board.told(RunBegan(contender="a", seed=0, share=None))
    clock.now += 8
    board.told(Told(contender="a", seed=0, event=step(0, 0.25), place=0.25))
    board.told(Told(contender="a", seed=0, event=look(0.4), place=0.25))
    row = board.rows["a"]
    assert (row.status, row.accuracy, row.legs[0].place) == ("running", 0.4, 0.25)
    assert board.left() == pytest.approx(3 * 8 + 20)


def test_what_ended() -> None:
    """The mean over seeds; later seeds are expected to take as long; others, so much longer."""
    board, _ = made()
    board.told(ended("a", 0, 30.0))
    assert board.rows["a"].accuracy == 0.5
    assert board.rows["a"].status == "waiting"
    # a took three times what was expected, so b may, too.
    assert board.left() == pytest.approx(30 + 2 * 3 * 20)
    board.told(ended("a", 1, 30.0))
    assert board.rows["a"].accuracy == pytest.approx(0.55)
    assert (board.rows["a"].status, board.rows["a"].seconds) == ("finished", 60.0)


def test_what_went_wrong() -> None:
    """A crashed seed is what the row shows, with its reason; nothing more is expected of it."""
    board, _ = made(seeds=1)
    board.told(ended("b", 0, 1.0, "crashed"))
    row = board.rows["b"]
    assert (row.status, row.reason, row.accuracy) == ("crashed", "oh", None)
    assert board.left() == 10.0


def test_a_budget_says_when_it_ends() -> None:
    """With one, the time left is what is left of it."""
    board, clock = made(seconds=50.0)
    clock.now += 20
    assert board.left() == 25.0
    clock.now += 50
    assert board.left() == 0.0


def test_what_is_done_beside() -> None:
    """Until the next run begins."""
    board, _ = made()
    board.told(Doing(text="measuring"))
    assert board.doing == "measuring"
    board.told(RunBegan(contender="a", seed=0, share=None))
    assert board.doing == ""
