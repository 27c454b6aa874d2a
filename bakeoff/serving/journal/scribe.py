"""The thread that writes the journal: in batches, patiently, and never into anybody's way."""

from __future__ import annotations

import importlib
import logging
import random
import time
from collections import deque
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from bakeoff.serving.journal.address import Address
from bakeoff.serving.journal.entry import Drift, Entry, Feedback, Outcome
from bakeoff.serving.journal.pictures import Pictures
from bakeoff.serving.journal.waiting import Item, Waiting
from bakeoff.spec.errors import BakeoffError

if TYPE_CHECKING:
    from bakeoff.serving.journal.store import Store

__all__ = ["BATCH", "Keep", "Question", "Scribe"]

BATCH = 500
"""Rows in one transaction."""

_BATCHES = 20
"""In one round, before something else has its turn."""

_TIDY_EVERY = 60.0
_LAST = 10.0
"""Seconds for which entries that were dropped are a reason to worry."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0

_log = logging.getLogger("bakeoff.journal")


@dataclass(frozen=True, kw_only=True, slots=True)
class Keep:
    """How much of the past is kept; None: all of it."""

    days: float | None = 90.0
    rows: int | None = 5_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """Feedback, and whoever waits to hear what became of it."""

    feedback: Feedback
    told: Future[Outcome]
    until: float
    """Monotonic seconds up to which another process may still be writing the answer it is about."""


class Scribe:
    """Writes what waits. All but `asked` and the figures belongs to its thread."""

    def __init__(
        self, where: Address, waiting: Waiting, pictures: Pictures | None, keep: Keep
    ) -> None:
        self._where = where
        self._waiting = waiting
        self._pictures = pictures
        self._keep = keep
        self._store: Store | None = None
        self._hand: list[Item] = []
        self._pending: list[Question] = []
        self._failures = 0
        self._again = 0.0
        self._tidy_at = time.monotonic() + random.uniform(0.5, 1) * _TIDY_EVERY
        self._dropped = 0
        self._dropped_at = float("-inf")
        self.asked: deque[Question] = deque()
        self.trouble: str | None = "starting"
        self.written = 0

    @property
    def is_overrun(self) -> bool:
        """Whether entries were dropped just now, though the database is there."""
        return time.monotonic() - self._dropped_at < _LAST

    def round(self, *, last: bool = False) -> None:
        """Write what is there; at the `last` one do not wait for a better time."""
        # The second half of this package needs the database's library, which takes its time to
        # be imported: here nobody waits for it.
        module = importlib.import_module("bakeoff.serving.journal.store")
        if self._waiting.dropped != self._dropped:
            self._dropped, self._dropped_at = self._waiting.dropped, time.monotonic()
        try:
            if self._store is None:
                if time.monotonic() < self._again and not last:
                    self._turn_away()
                    return
                self._store = module.Store(self._where)
            elif not self._store.is_there():
                self.leave()
                self._store = module.Store(self._where)
            self._write_all(module, self._store)
            self._tidy(self._store)
        except Exception as error:
            self._fail(error)
        else:
            self._recover()

    def leave(self) -> None:
        """Let go of the database."""
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except Exception as error:
                _log.debug("closing the journal: %s", self._where.clean(str(error)))

    def abandon(self) -> int:
        """Drop all that was not written, and say how much it was."""
        left = [*self._hand, *self._waiting.take(self._waiting.held)]
        self._hand = []
        self._waiting.settle(left, dropped=len(left))
        self._turn_away()
        return len(left)

    def _write_all(self, module: ModuleType, store: Store) -> None:
        for _ in range(_BATCHES):
            fresh = self._waiting.take(BATCH - len(self._hand))
            self._keep_pictures(fresh)
            self._hand += fresh
            while self.asked:
                self._pending.append(self.asked.popleft())
            if not self._hand and not self._pending:
                return
            self._write(module, store, self._hand)
            self._hand = []
            self._answer(module, store)

    def _write(self, module: ModuleType, store: Store, items: list[Item]) -> None:
        entries = [item.row for item in items if isinstance(item.row, Entry)]
        drift = [item.row for item in items if isinstance(item.row, Drift)]
        try:
            if items:
                store.write(entries, drift, ())
        except Exception as error:
            if not module.is_about_data(error):
                raise
            # One bad row must not take its whole batch along.
            if len(items) == 1:
                text = self._where.clean(_words(error))
                _log.error("the journal refuses an entry, which is dropped: %s", text)
                self._settle(items, dropped=1)
                return
            middle = len(items) // 2
            self._write(module, store, items[:middle])
            self._write(module, store, items[middle:])
        else:
            self._settle(items)

    def _settle(self, items: list[Item], *, dropped: int = 0) -> None:
        if items:
            # Out of the hand at once: what is settled is not to be written again.
            self._hand = self._hand[len(items) :]
            self._waiting.settle(items, dropped=dropped)
            self._dropped += dropped
            self.written += len(items) - dropped

    def _answer(self, module: ModuleType, store: Store) -> None:
        asked = self._pending
        if not asked:
            return
        found = self._ask(module, store, asked)
        self._pending = []
        kept = []
        for one, there in zip(asked, found, strict=True):
            if there:
                kept.append(one.feedback)
                _tell(one, "kept")
            elif time.monotonic() < one.until:
                self.asked.append(one)
            else:
                _tell(one, "unknown")
        if kept and self._pictures is not None:
            self._pictures.renew(store.pictures_of(kept))

    def _ask(self, module: ModuleType, store: Store, asked: list[Question]) -> list[bool]:
        try:
            return store.write((), (), [one.feedback for one in asked])
        except Exception as error:
            if not module.is_about_data(error):
                raise
            if len(asked) == 1:
                # No answer that could be spoken of has what no database takes.
                return [False]
            return [there for one in asked for there in self._ask(module, store, [one])]

    def _keep_pictures(self, items: list[Item]) -> None:
        if self._pictures is None:
            return
        for item in items:
            if item.picture is not None and isinstance(item.row, Entry):
                self._pictures.keep(item.row.sha256, item.picture)

    def _tidy(self, store: Store) -> None:
        if time.monotonic() < self._tidy_at:
            return
        retention = importlib.import_module("bakeoff.serving.journal.retention")
        if not retention.prune(store, self._keep.days, self._keep.rows):
            self._tidy_at = time.monotonic() + random.uniform(0.5, 1) * _TIDY_EVERY
            if self._pictures is not None:
                self._pictures.tidy(self._keep.days)

    def _turn_away(self) -> None:
        while self.asked:
            self._pending.append(self.asked.popleft())
        for one in self._pending:
            _tell(one, "unavailable")
        self._pending = []

    def _fail(self, error: Exception) -> None:
        self.leave()
        self._turn_away()
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))
        # Not all workers at once, when the database has just come back.
        self._again = time.monotonic() + pause * random.uniform(0.5, 1)
        self._failures += 1
        text = self._where.clean(_words(error))
        if self.trouble in (None, "starting"):
            _log.warning("serving goes on without its journal %s: %s", self._where, text)
        self.trouble = text

    def _recover(self) -> None:
        self._failures = 0
        if self.trouble not in (None, "starting"):
            dropped = self._waiting.dropped
            _log.warning("the journal is back (entries dropped so far: %d)", dropped)
        self.trouble = None


def _words(error: Exception) -> str:
    """What a driver, or we, said: without the statement and its values."""
    inner = getattr(error, "orig", None) or error
    lines = str(inner).strip().splitlines()
    if isinstance(error, BakeoffError) or not lines:
        return str(error) or type(error).__name__
    return lines[0][:300]


def _tell(question: Question, outcome: Outcome) -> None:
    try:
        question.told.set_result(outcome)
    except InvalidStateError:
        # Whoever asked has gone.
        return
