"""A run that this node makes in a folder of its own, and keeps behind a URL as it goes on."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from bakeoff.data.cache import cache_folder, writing
from bakeoff.data.dataset import Dataset
from bakeoff.data.remote import AbsentError, Remote
from bakeoff.runs.cluster.errand import Brought, Errand, carried_out
from bakeoff.runs.cluster.lives import GO, TICKET, Lives
from bakeoff.runs.cluster.mirror import Mirror
from bakeoff.runs.cluster.patience import Patience, blamed, patiently
from bakeoff.runs.cluster.via import Via
from bakeoff.runs.run import Run
from bakeoff.spec.errors import CacheError, DataError, UserError

__all__ = ["Sent", "carried_out_afar"]

_OFTEN = 1.0
"""Seconds between two looks for a new checkpoint."""

_SELDOM = 3.0
"""Seconds between two times that lines are put there, or the ticket is looked at."""

_SHOWN = 60.0
"""Seconds after which a disk shows everywhere what was written on it; storages do at once."""

_SCRATCH = "lives"
"""Below the cache."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One life of a run: where it is kept."""

    via: Via
    run: str
    """The run's folder there."""

    life: str

    def lives(self) -> Lives:
        """What there is of that run."""
        return Lives(self.via.place().below(self.run))


def carried_out_afar(errand: Errand, dataset: Dataset, sent: Sent) -> Brought:
    """Make the run here, or go on from what an earlier life left behind the URL."""
    try:
        lives = sent.lives()
        with _scratch(sent.life) as folder:
            return _carried_out(errand, dataset, sent, lives, folder)
    except CacheError as error:
        return Brought(error=error)
    except UserError as error:
        # A node is at fault, or the place, and no contender.
        return Brought(error=blamed(error))


def _carried_out(
    errand: Errand, dataset: Dataset, sent: Sent, lives: Lives, folder: Path
) -> Brought:
    life, run = lives.life(sent.life), Run(path=folder / errand.name)
    _wait_for_ticket(life)
    lives.bring_newest(sent.life, run.path)
    mirror, halt = Mirror(run, life), folder / "halt"
    beside = Beside(mirror, life, halt)
    with beside.going():
        brought = carried_out(replace(errand, path=run.path, halt=halt), dataset)
    if beside.error is not None:
        return Brought(error=beside.error)
    if brought.finished or brought.reason is not None:
        # The lines are part of what is put there whole.
        mirror.finish(brought)
    else:
        patiently(mirror.push)
    return brought


class Beside:
    """Puts there what is new while a run goes on, and asks it to stop where that is wanted."""

    def __init__(self, mirror: Mirror, life: Remote, halt: Path) -> None:
        self._mirror, self._life, self._halt = mirror, life, halt
        self._patience = Patience()
        self._looked = time.monotonic()
        self._over = threading.Event()
        self.error: CacheError | None = None
        """Why it goes on no further."""

    @contextmanager
    def going(self) -> Iterator[None]:
        """In a thread of its own."""
        thread = threading.Thread(target=self._go, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def look(self) -> None:
        """Once: nothing happens where it is not yet time."""
        seldom = time.monotonic() - self._looked >= _SELDOM
        if self._patience.is_due() and (seldom or self._mirror.has_news()):
            self._looked = time.monotonic()
            try:
                self._heed()
                self._mirror.push()
                self._patience.kept()
            except UserError as error:
                self._refused(error)

    def _go(self) -> None:
        try:
            while self.error is None and not self._over.wait(_OFTEN):
                self.look()
        # Else it would go on unseen to its end, and be lost then.
        except OSError as error:
            self._end(DataError("the run's folder", f"cannot be read ({error})"))

    def _heed(self) -> None:
        try:
            wanted = self._life.read(TICKET) == GO
        except AbsentError as error:
            self._end(error)
            return
        if not wanted:
            self._halt.touch()

    def _refused(self, error: UserError) -> None:
        try:
            self._patience.tried(error)
        except CacheError as last:
            self._end(last)

    def _end(self, error: UserError) -> None:
        self.error = error if isinstance(error, CacheError) else blamed(error)
        self._halt.touch()


def _wait_for_ticket(life: Remote) -> None:
    until = time.monotonic() + _SHOWN
    while True:
        try:
            patiently(lambda: life.read(TICKET))
            return
        except AbsentError:
            if time.monotonic() >= until:
                raise
            time.sleep(_OFTEN)


@contextmanager
def _scratch(life: str) -> Iterator[Path]:
    """A folder while it lasts. Those of dead processes go first."""
    place = cache_folder() / _SCRATCH
    with writing("a run", place):
        place.mkdir(parents=True, exist_ok=True)
        for left in place.iterdir():
            if left.is_dir():
                _remove_abandoned(left)
        folder = place / f"{life}-{uuid.uuid4().hex[:8]}"
        lock = _lock(folder)
        lock.acquire()
        folder.mkdir()
    try:
        yield folder
    finally:
        _remove(folder, lock)


def _lock(folder: Path) -> FileLock:
    return FileLock(folder.with_name(f".{folder.name}.lock"), timeout=0)


def _remove_abandoned(folder: Path) -> None:
    lock = _lock(folder)
    try:
        lock.acquire()
    except Timeout:
        return
    _remove(folder, lock)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
