"""Timing where the machine has other work: what is waited for does not count."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from bakeoff.runs import timing
from bakeoff.runs.timing import timed
from tests.training.jobs import DEVICE


class Clock:
    """A made machine: each call works and waits for as long as it is told."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wall, self.worked, self.calls = 0.0, 0.0, 0
        patch.setattr(time, "perf_counter", lambda: self.wall)
        patch.setattr(time, "thread_time", lambda: self.worked)

    def call(self, work: Callable[[int], float], wait: Callable[[int], float]) -> None:
        """The next call."""
        self.wall += work(self.calls) + wait(self.calls)
        self.worked += work(self.calls)
        self.calls += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A machine of its own."""
    return Clock(monkeypatch)


def test_waiting_does_not_count(clock: Clock) -> None:
    """With one thread a busy machine gives the figure of an idle one, and is said to be busy."""
    idle = timed(lambda: clock.call(lambda _: 0.01, lambda _: 0.0), DEVICE, seconds=0.25)
    busy = timed(lambda: clock.call(lambda _: 0.01, lambda _: 0.03), DEVICE, seconds=0.25)
    assert idle.seconds == pytest.approx(busy.seconds) == pytest.approx(0.01)
    assert (idle.busy, busy.busy) == (False, True)
    assert (idle.spread, busy.spread) == ("low", "low")
    assert idle.bursts == 3


def test_the_best_burst_counts(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bursts that do not agree are repeated, and where none do that is said."""
    with monkeypatch.context() as patch:
        patch.setattr(timing, "_CALLS", 1)
        changing = timed(
            lambda: clock.call(lambda at: 0.01 * 0.5**at, lambda _: 0), DEVICE, seconds=0.1
        )
    assert (changing.spread, changing.bursts) == ("high", timing._MOST)
    clock.calls = 0
    # After one to get warm, two that something else slowed.
    spoilt = timed(
        lambda: clock.call(lambda at: {1: 0.09, 2: 0.05}.get(at, 0.01), lambda _: 0),
        DEVICE,
        seconds=0.1,
    )
    assert spoilt.spread == "low"
    assert spoilt.seconds == pytest.approx(0.01)


@pytest.mark.parametrize(("with_one", "wanted"), [(0.01, 1), (0.03, 2)])
def test_the_faster_way_counts(clock: Clock, with_one: float, wanted: int) -> None:
    """One thread or all; afterwards the process has as many as before."""
    usual = torch.get_num_threads()
    device = replace(DEVICE, threads=2)
    torch.set_num_threads(2)

    def work(_: int) -> float:
        return with_one if torch.get_num_threads() == 1 else 0.02

    try:
        found = timed(lambda: clock.call(work, lambda _: 0.0), device, seconds=0.1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(usual)
    assert found.threads == wanted
    assert found.seconds == pytest.approx(min(with_one, 0.02))


def test_a_hopeless_way_is_given_up(clock: Clock) -> None:
    """Where all threads wait for others, two bursts show that one thread is faster."""
    many: list[float] = []

    def wait(_: int) -> float:
        if torch.get_num_threads() == 1:
            return 0.0
        many.append(0.09 + 0.09 * len(many))
        return many[-1]

    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = timed(
            lambda: clock.call(lambda _: 0.001, wait),
            replace(DEVICE, threads=2),
            seconds=0.25,
        )
    finally:
        torch.set_num_threads(usual)
    assert found.threads == 1
    # One to get warm.
    assert len(many) == 3


def test_what_takes_long_is_asked_for_a_few_times(clock: Clock) -> None:
    """Once to get warm, and twice to see whether it comes out alike."""
    found = timed(lambda: clock.call(lambda _: 2.0, lambda _: 0.0), DEVICE, seconds=0.25)
    assert (clock.calls, found.calls, found.bursts) == (3, 2, 2)
    assert found.spread == "low"


def test_elsewhere_the_wall_clock_counts(clock: Clock) -> None:
    """The process waits for a GPU, and that is its work."""
    device = replace(DEVICE, place=torch.device("meta"))
    found = timed(lambda: clock.call(lambda _: 0.001, lambda _: 0.009), device, seconds=0.25)
    assert found.seconds == pytest.approx(0.01)
    assert not found.busy
