"""Time, by what it was spent on. The clock says what it counts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Clock", "process_age"]


class Clock:
    """Seconds in named spans. Each second counts for the innermost open span, and for it alone.

    So evaluation within training pauses training. Work that a GPU still has in hand is waited for
    where a span begins and where it ends, and nowhere else: spans are for stretches of work, such
    as all steps between two events, never for one step.
    """

    def __init__(
        self,
        *,
        counted: Collection[str] = ("train",),
        synchronise: Callable[[], None] | None = None,
        before: Mapping[str, float] | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.counted = tuple(counted)
        self._synchronise = synchronise or _nothing
        self._now = now
        self._spent: dict[str, float] = dict(before or {})
        self._open: list[str] = []
        self._since = now()

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Time in this block is spent on `name`."""
        self._turn()
        self._open.append(name)
        self._spent.setdefault(name, 0.0)
        try:
            yield
        finally:
            self._turn()
            left = self._open.pop()
            assert left == name, f"span {name!r} ended inside {left!r}"

    def seconds(self, name: str) -> float:
        """Spent on `name` so far; work that a GPU has in hand is not waited for."""
        return self.spent()[name] if name in self._spent else 0.0

    def spent(self) -> dict[str, float]:
        """Seconds by span, in the order they were first opened. Saved, it is a new clock's
        `before`."""
        spent = dict(self._spent)
        if self._open:
            spent[self._open[-1]] += self._now() - self._since
        return spent

    @property
    def total(self) -> float:
        """Seconds of the spans that count."""
        spent = self.spent()
        return sum(spent.get(name, 0.0) for name in self.counted)

    def describe(self) -> str:
        """What is counted and what is not, in a sentence."""
        spent = self.spent()
        counted = _listed({name: spent.get(name, 0.0) for name in self.counted})
        apart = {name: took for name, took in spent.items() if name not in self.counted}
        rest = f"; not counted: {_listed(apart)}" if apart else ""
        return f"{self.total:.1f} s: {counted}{rest}."

    def _turn(self) -> None:
        """Book what has passed, once the device has caught up."""
        self._synchronise()
        now = self._now()
        if self._open:
            self._spent[self._open[-1]] += now - self._since
        self._since = now


def process_age(root: Path = Path("/")) -> float | None:
    """Seconds since this process was started, imports and all; None where the system is silent.

    A cold start is counted from here.
    """
    try:
        # The name, second, is in brackets and may hold anything; the start is the 22nd field.
        fields = (root / "proc/self/stat").read_text().rpartition(")")[2].split()
        booted = float((root / "proc/uptime").read_text().split()[0])
    except (OSError, IndexError, ValueError):
        return None
    return max(0.0, booted - int(fields[19]) / os.sysconf("SC_CLK_TCK"))


def _nothing() -> None:
    """There is nothing to wait for."""


def _listed(spent: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in spent.items())
