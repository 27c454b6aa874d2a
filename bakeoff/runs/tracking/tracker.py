"""What another tool has to be able to do to be told of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bakeoff.runs.run import Run

__all__ = ["Ending", "Point", "Tracker"]

Ending = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """Some numbers at one step."""

    step: int
    """Over all stages."""

    time: float
    """Seconds since 1970."""

    values: Mapping[str, float]


class Tracker(Protocol):
    """Called from one thread, in this order; any error ends the tracking and nothing else."""

    @property
    def name(self) -> str:
        """As users type it."""

    def place(self, run: Run) -> str:
        """Where to look, in words."""

    def open(self, run: Run, step: int) -> None:
        """Begin with the run, or go on with it; `step` is the first that will be told."""

    def write(self, points: Sequence[Point]) -> None:
        """Take these numbers."""

    def close(self, ending: Ending) -> None:
        """Nothing more comes in this life of the run."""
