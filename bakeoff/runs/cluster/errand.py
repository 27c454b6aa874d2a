"""One run of a bake-off that another process makes, perhaps on another machine.

All that goes there is a value; all that comes back is the run's directory, which both sides see,
and how it ended.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from bakeoff.data.dataset import Dataset
from bakeoff.runs.blame import in_words, is_its_own
from bakeoff.runs.board import Happening, Status
from bakeoff.runs.cluster.tail import Tail
from bakeoff.runs.execute import execute
from bakeoff.runs.run import Run
from bakeoff.runs.watchman import Watchman
from bakeoff.spec.errors import CacheError
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from bakeoff.training.device import Device

__all__ = ["Brought", "Elsewhere", "Errand", "carried_out", "held_against"]

_PATIENCE = 180.0
"""Seconds to wait for a process that is believed dead to let go of a run."""

_OFTEN = 0.5
"""Seconds between two looks for the file that asks to stop."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Errand:
    """What is to be done."""

    contender: str
    seed: int
    recipe: Recipe
    path: Path
    """Of the run's directory, the same on every machine."""

    device: Device
    budget: Budget | None
    share: float | None
    """Seconds that it is given."""

    limit: float | None
    """The same where it does not keep to them by itself."""

    halt: Path
    """A file that asks to stop by being there."""

    @property
    def name(self) -> str:
        return f"{self.contender}-{self.seed}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Brought:
    """How it ended. Neither finished nor any reason: it was asked to stop."""

    finished: bool = False
    reason: tuple[Status, str] | None = None
    error: Exception | None = None
    """What ends the whole bake-off, as it is no contender's fault."""

    seconds: float = 0.0


class Elsewhere(Protocol):
    """Where the runs of a round are made side by side."""

    def ready(self, dataset: Dataset, device: Device, out: Path) -> None:
        """An error where runs on `dataset` into the directory `out` could not be made there."""

    def make(
        self,
        errands: Sequence[Errand],
        *,
        tell: Callable[[Happening], None],
        stop: Callable[[], bool],
    ) -> dict[str, Brought]:
        """How all of them ended, by name; those are missing that never began as `stop` said so."""


def carried_out(errand: Errand, dataset: Dataset) -> Brought:
    """Make the run, or go on with what is there of it."""
    began = time.monotonic()
    try:
        with _alone(errand.path):
            began = time.monotonic()
            finished, reason = _made(errand, dataset)
    except Exception as error:
        if not is_its_own(error):
            return Brought(error=error)
        finished, reason = False, ("crashed", in_words(error))
    return Brought(finished=finished, reason=reason, seconds=time.monotonic() - began)


def held_against(brought: Brought, run: Run, beside: Watchman) -> bool:
    """Whether the run is over and sealed and none of what it said is a reason to have stopped it:
    what the one `beside` it would have done had it been made here and now. If not, `beside` knows
    why, or stopping was asked for."""
    for event in Tail(run).events():
        beside.heard(event)
        if beside.stop():
            return False
    if brought.error is not None:
        raise brought.error
    beside.reason = brought.reason
    return brought.finished


def _made(errand: Errand, dataset: Dataset) -> tuple[bool, tuple[Status, str] | None]:
    """Whether it is over and sealed; and if not, why, unless it was asked to stop."""
    beside = Watchman(
        errand.recipe.stages,
        tell=lambda event, place: None,
        asked=_Asked(errand.halt),
        aside=lambda: None,
        share=errand.limit,
        best=None,
        pictures=0,
    )
    try:
        done = not beside.stop() and _executed(errand, dataset, beside)
    except KeyboardInterrupt:
        # Work that has no checkpoint of its own ends like this where it has to stop.
        if not beside.stop():
            raise
        done = False
    return done, None if done else beside.reason


def _executed(errand: Errand, dataset: Dataset, beside: Watchman) -> bool:
    resume = (errand.path / "environment.json").exists()
    if not resume:
        # What a life that ended at once may have left there.
        shutil.rmtree(errand.path, ignore_errors=True)
    outcome = execute(
        errand.recipe,
        dataset,
        errand.path,
        seed=errand.seed,
        budget=errand.budget,
        device=errand.device,
        resume=resume,
        listen=beside.heard,
        stop=beside.stop,
    )
    return outcome.finished


class _Asked:
    """Whether a file is there, looked for now and then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked = 0.0
        self._there = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self._there and now - self._looked >= _OFTEN:
            self._looked, self._there = now, self._path.exists()
        return self._there


def _alone(path: Path) -> FileLock:
    """A machine that was given up for lost may go on for a while: nobody writes beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=_PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise CacheError(
            str(path),
            "is being written by a process that was given up for lost",
            suggestion="End it, and go on with --resume.",
        ) from None
    return lock
