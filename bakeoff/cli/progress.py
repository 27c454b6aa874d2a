"""Progress for people: bars on a terminal, plain lines elsewhere. Standard error only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from bakeoff.cli.text import amount, duration
from bakeoff.data.progress import Progress, silent

__all__ = ["Lines", "watching"]

EVERY = 5.0
"""Seconds between plain lines."""

ROOM_FOR_A_BAR = 80
"""Columns of a terminal from which a bar fits beside the words."""


@contextmanager
def watching(stream: TextIO, *, quiet: bool) -> Iterator[Progress]:
    """Progress shown on `stream` as suits it, until the block ends."""
    if quiet:
        yield silent
        return
    console = Console(file=stream)
    if not console.is_terminal:
        yield Lines(stream)
        return
    # The words have their place before the bar has: a bar alone says little.
    bar = BarColumn(bar_width=None, table_column=Column(ratio=1))
    bars = RichProgress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        *([bar] if console.width >= ROOM_FOR_A_BAR else []),
        _Numbers(table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
        expand=True,
    )
    with bars:
        yield _Bars(bars)


class Lines:
    """One line every few seconds; work that is done sooner says nothing."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._began: dict[str, float] = {}
        self._told: dict[str, float] = {}

    def __call__(self, task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        now = self._clock()
        if done == 0 or task not in self._began:
            self._began[task] = self._told[task] = now
        elapsed = now - self._began[task]
        if done == total:
            if elapsed >= EVERY:
                self._say(f"{task}: {_count(done, None, unit)} in {duration(elapsed)}")
            del self._began[task]
        elif now - self._told[task] >= EVERY:
            self._told[task] = now
            rate = done / elapsed
            self._say(f"{task}: {', '.join(_facts(done, total, unit, rate))}")

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class _Bars:
    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._ids: dict[str, TaskID] = {}

    def __call__(self, task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        if task not in self._ids:
            self._ids[task] = self._bars.add_task(task, total=total, unit=unit)
        elif done == 0:
            self._bars.reset(self._ids[task], total=total)
        self._bars.update(self._ids[task], completed=done, total=total)


class _Numbers(ProgressColumn):
    """How many of how many, how fast, how long yet."""

    def render(self, task: Task) -> Text:
        total = None if task.total is None else int(task.total)
        rate = task.finished_speed or task.speed or 0.0
        facts = _facts(int(task.completed), total, str(task.fields["unit"]), rate)
        return Text(", ".join(facts), style="progress.remaining")


def _facts(done: int, total: int | None, unit: str, rate: float) -> list[str]:
    facts = [_count(done, total, unit)]
    if rate > 0:
        facts.append(f"{amount(rate, unit)}/s")
        if total is not None and total > done:
            facts.append(f"{duration((total - done) / rate)} left")
    return facts


def _count(done: int, total: int | None, unit: str) -> str:
    of = "" if total is None else f" of {amount(total, unit)}"
    return f"{amount(done, unit)}{of}" + ("" if unit == "bytes" else f" {unit}")
