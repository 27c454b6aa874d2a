"""How far a stage is, by count and by time."""

from __future__ import annotations

import json

import pytest

from bakeoff.training.pace import Pace


class Work:
    """Steps that take a while, told to a pace."""

    def __init__(self, *, ends: float | None, capped: bool = False, steps: int = 20) -> None:
        self.time, self.done = 0.0, 0
        self.pace = Pace(
            steps=steps, epoch=10, ends=ends, used=lambda: self.time, look=2, capped=capped
        )

    def some(self, wanted: int, cost: float = 0.1) -> int:
        """Do up to so many steps; how many were done."""
        length = self.pace.length(wanted, self.done)
        share = self.pace.share(length)
        for _ in range(length):
            self.done += 1
            self.time += cost
            self.pace.move(share, self.done)
        self.pace.worked(length * cost, length)
        return length


def test_by_count() -> None:
    """Places are steps done of all steps; no piece goes beyond an epoch or the end."""
    work = Work(ends=None, steps=13)
    assert [work.some(4) for _ in range(4)] == [4, 4, 2, 3]
    assert work.pace.place == 1


def test_a_share_of_an_epoch() -> None:
    """A stage may be shorter than an epoch."""
    work = Work(ends=None, steps=3)
    assert work.some(99) == 3
    assert work.pace.place == 1


def test_by_time() -> None:
    """The first step is only measured; then all time is used, and not more."""
    work = Work(ends=30.0)
    work.some(1)
    assert work.pace.place == 0
    while work.pace.place < 1:
        work.some(5)
        assert work.done < 999
    assert work.time + work.pace._look() == pytest.approx(30, abs=0.2)


def test_no_time_at_all() -> None:
    """A stage whose time is over before it began still makes a few steps and ends."""
    work = Work(ends=0.0)
    work.some(1)
    while work.pace.place < 1:
        work.some(5)
    assert work.done == 2


def test_enough_is_enough() -> None:
    """A capped stage ends after its steps, or earlier if time is short."""
    plenty = Work(ends=1e6, capped=True)
    while plenty.pace.place < 1:
        plenty.some(7)
    assert plenty.done == 20
    short = Work(ends=1.0, capped=True)
    while short.pace.place < 1:
        short.some(7)
    assert short.done < 10


def test_it_goes_on() -> None:
    """All it knows fits into JSON, and another pace goes on from there."""
    work, again = Work(ends=30.0), Work(ends=99.0)
    for _ in range(5):
        work.some(4)
    work.pace.looked(0.5)
    again.pace.load(json.loads(json.dumps(work.pace.scalars())))
    again.time, again.done = work.time, work.done
    for one in (work, again):
        one.some(4)
    assert again.pace.scalars() == work.pace.scalars()
