"""How long a computation takes where the machine has other work too.

Wall-clock time of a busy machine is mostly waiting. So the work is done in several short bursts,
of which the best one counts, and on a processor once with one thread, whose own time says what it
would take undisturbed. With several threads waiting and working look alike, and only wall-clock
time tells.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Literal

import torch

from bakeoff.training.device import Device

__all__ = ["Spread", "Timing", "timed"]

Spread = Literal["low", "high"]

_BURSTS, _MOST = 3, 9
"""At least, and where they do not agree."""

_CALLS = 25
"""At most in a burst."""

_APART = 0.15
"""Share by which the two best bursts may differ and still agree."""

_HOPELESS = 2.0
"""Times as long as the other way takes from which a way is not looked into further."""

_BUSY = 1.25
"""Wall-clock time over a thread's own from which others have had the processor."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """What was found, by the fastest way."""

    seconds: float
    """For one call: the median of the best burst."""

    bursts: int
    calls: int
    """In all bursts."""

    threads: int
    spread: Spread
    """Whether the two best bursts agree."""

    busy: bool
    """Whether other work had the processor meanwhile."""


def timed(ask: Callable[[], object], device: Device, *, seconds: float) -> Timing:
    """Time `ask` with one thread and with all, for about so many seconds each, twice that where
    bursts do not agree; the faster way counts."""
    if device.place.type != "cpu":
        return _way(ask, device.threads, seconds, own=False)[0]
    with _threads(1, device.threads):
        best, busy = _way(ask, 1, seconds, own=True)
    if device.threads > 1:
        other, _ = _way(ask, device.threads, seconds, own=False, beat=best.seconds)
        best = min(best, other, key=lambda one: one.seconds)
    return Timing(
        seconds=best.seconds,
        bursts=best.bursts,
        calls=best.calls,
        threads=best.threads,
        spread=best.spread,
        busy=busy,
    )


def _way(
    ask: Callable[[], object],
    threads: int,
    seconds: float,
    *,
    own: bool,
    beat: float = math.inf,
) -> tuple[Timing, bool]:
    """Timed one way, and whether the machine was busy; `own`: by the thread's own time. Given up
    after two bursts that are far from as fast as `beat`."""
    began = time.perf_counter()
    # Kernels are set up and memory is taken in the first calls.
    ask()
    once = time.perf_counter() - began
    if once < seconds / 4:
        ask()
    found: list[float] = []
    calls, wall, worked = 0, 0.0, 0.0
    began = time.perf_counter()
    while _goes_on(found, time.perf_counter() - began, seconds, beat):
        burst: list[float] = []
        ends = time.perf_counter() + seconds / _BURSTS
        while not burst or (len(burst) < _CALLS and time.perf_counter() < ends):
            start, busy = time.perf_counter(), time.thread_time()
            ask()
            took, busy = time.perf_counter() - start, time.thread_time() - busy
            burst.append(min(took, busy) if own else took)
            wall, worked = wall + took, worked + busy
        calls += len(burst)
        found.append(median(burst))
    timing = Timing(
        seconds=max(min(found), 1e-9),
        bursts=len(found),
        calls=calls,
        threads=threads,
        spread="low" if _agree(found) else "high",
        busy=False,
    )
    return timing, own and wall > _BUSY * worked


def _goes_on(found: list[float], gone: float, seconds: float, beat: float) -> bool:
    if len(found) < 2:
        return True
    if min(found) > _HOPELESS * beat:
        return False
    if _agree(found):
        return len(found) < _BURSTS and gone < seconds
    return len(found) < _MOST and gone < 2 * seconds


def _agree(found: list[float]) -> bool:
    best, second = sorted(found)[:2]
    return second <= (1 + _APART) * best


@contextmanager
def _threads(count: int, usual: int) -> Iterator[None]:
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
