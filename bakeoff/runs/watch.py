"""Who listens to the engine: writes down what it says, and remembers what the result needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from bakeoff.runs.run import Run
from bakeoff.training import checkpoint
from bakeoff.training.checkpoint import LoopState
from bakeoff.training.device import noting_inexact
from bakeoff.training.events import Checkpointed, Evaluated, Event, Finished, Noted, Stepped

__all__ = ["Listener", "Watch"]

Listener = Callable[[Event], None]


class Watch:
    """One life of a run, on record."""

    def __init__(self, run: Run, listen: Listener, *, leads: bool, save_every: float) -> None:
        self.run, self.listen, self.leads = run, listen, leads
        self.notes: list[str] = []
        self.exact = True
        self.finished: Finished | None = None
        self._save_every = save_every
        self._saved: float | None = None
        self._unsaved: LoopState | None = None
        self._inexact: set[str] = set()

    def remember(self) -> None:
        """Take in what earlier lives of the run noted."""
        for event in self.run.events():
            if event["event"] in ("note", "resumed"):
                self._note(event["text"], event["exact"])

    @contextmanager
    def inexactness(self) -> Iterator[None]:
        """Notice operations that torch cannot repeat bit by bit."""
        with noting_inexact(self._inexact):
            yield
        if self._inexact:
            self.told(Noted(text=f"Not exact: {', '.join(sorted(self._inexact))}.", exact=False))

    def told(self, event: Event) -> None:
        """Record, pass on, and save a checkpoint where one is due."""
        match event:
            case Checkpointed():
                self._unsaved = event.state
                now = time.monotonic()
                if self._saved is None or now - self._saved >= self._save_every:
                    self.save()
            case Stepped():
                self._record("steps", asdict(event))
            case Evaluated():
                facts = asdict(event)
                del facts["probabilities"]
                self._record("evaluated", facts)
            case Noted():
                self._note(event.text, event.exact)
                self._record("note", asdict(event))
            case Finished():
                self.finished = event
        self.listen(event)

    def save(self) -> None:
        """Write down the last checkpoint that the engine gave, if it is not yet."""
        if self._unsaved is not None and self.leads:
            checkpoint.save(self.run.checkpoints, self._unsaved)
        self._unsaved, self._saved = None, time.monotonic()

    def _note(self, text: str, exact: bool) -> None:
        # Work that was done again after a crash says the same again.
        if text not in self.notes:
            self.notes.append(text)
        self.exact = self.exact and exact

    def _record(self, kind: str, facts: dict[str, Any]) -> None:
        if self.leads:
            self.run.record(kind, facts)
