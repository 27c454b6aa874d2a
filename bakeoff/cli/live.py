"""A training as it goes: a line for each look at validation, and on a terminal a live line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bakeoff.cli import progress
from bakeoff.cli.text import amount, duration, size
from bakeoff.data.progress import Progress, silent
from bakeoff.spec.training import Stage
from bakeoff.training.events import Checkpointed, Evaluated, Event, Finished, Noted, Stepped

__all__ = ["Lines", "watching"]

EVERY = 10.0
"""Seconds between plain lines within an epoch."""


@contextmanager
def watching(stages: tuple[Stage, ...], *, quiet: bool) -> Iterator[Lines]:
    """A listener that shows what it is told on standard error."""
    console = Console(file=sys.stderr, highlight=False, markup=False)
    if quiet or not console.is_terminal:
        yield Lines(stages, None if quiet else console)
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        yield Lines(stages, console, live)


class Lines:
    """Turns events into lines."""

    def __init__(
        self, stages: tuple[Stage, ...], console: Console | None, live: Live | None = None
    ) -> None:
        self._stages = stages
        self._console = console
        self._live = live
        self._began = self._told = time.monotonic()
        self._from = 0.0
        self._stage = -1
        self._pictures, self._seconds = 0, 0.0
        self._memory = ""
        self._plain: Progress = silent if console is None else progress.Lines(sys.stderr)

    def working(self, task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        """Told of work that is no training: packing, features, fits."""
        if self._live is None:
            self._plain(task, done, total, unit)
            return
        of = "" if total is None else f" of {amount(total, unit)}"
        self._live.update(Text(f"{task}: {amount(done, unit)}{of} {unit}"))

    def __call__(self, event: Event) -> None:
        if self._console is None or isinstance(event, Checkpointed | Finished):
            return
        if isinstance(event, Noted):
            self._say(event.text)
        elif isinstance(event, Stepped):
            self._stepped(event)
        else:
            self._evaluated(event)

    def _stepped(self, event: Stepped) -> None:
        if event.stage != self._stage:
            self._stage = event.stage
            # A run that goes on does not begin at nothing.
            self._from, self._began = event.place, time.monotonic()
        self._pictures += event.pictures
        self._seconds += event.seconds
        self._memory = "" if event.memory is None else f", {size(event.memory)}"
        line = self._line(event)
        if self._live is not None:
            self._live.update(Text(line))
        elif time.monotonic() - self._told >= EVERY:
            self._say(line)

    def _line(self, event: Stepped) -> str:
        gone = event.place - self._from
        left = ""
        if gone > 0.01:
            seconds = (time.monotonic() - self._began) * (1 - event.place) / gone
            left = f", {duration(seconds)} left"
        rate = amount(event.pictures / max(event.seconds, 1e-9), "pictures")
        return (
            f"{self._where(event.stage)}epoch {event.epoch:.1f}, loss {event.loss:.3f}, "
            f"{rate} pictures/s{self._memory}{left}"
        )

    def _evaluated(self, event: Evaluated) -> None:
        rate = amount(self._pictures / max(self._seconds, 1e-9), "pictures")
        self._pictures, self._seconds = 0, 0.0
        self._say(
            f"{self._where(event.stage)}epoch {event.epoch:.4g}: loss {event.train_loss:.3f}, "
            f"validation loss {event.loss:.3f}, validation accuracy {event.accuracy:.4f}, "
            f"{rate} pictures/s{self._memory}" + ("" if event.best else " (not the best)")
        )

    def _where(self, stage: int) -> str:
        return f"stage {stage + 1}/{len(self._stages)}, " if len(self._stages) > 1 else ""

    def _say(self, text: str) -> None:
        assert self._console is not None
        self._told = time.monotonic()
        self._console.print(text, soft_wrap=True)
