"""The journal as the service sees it: everything is handed over at once, nothing ever fails."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event, Thread

from bakeoff.serving import identity
from bakeoff.serving.journal.address import Address
from bakeoff.serving.journal.entry import Drift, Entry, Feedback, Outcome
from bakeoff.serving.journal.pictures import Pictures
from bakeoff.serving.journal.scribe import BATCH, Keep, Question, Scribe
from bakeoff.serving.journal.waiting import Item, Waiting

__all__ = ["Journal", "State"]

_EVERY = 0.2
"""Seconds after which what waits is written."""

_PATIENCE = 1.0
"""Seconds in which another process has written what it answered."""

_MOST_FEEDBACK = 1000
_MOST_PICTURES = 1 << 31
"""In a request: what the database's column takes."""

_log = logging.getLogger("bakeoff.journal")


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """How the journal is, for metrics, health and people."""

    text: str
    """`ok`, or `degraded: ` and why."""

    waiting: int
    waiting_bytes: int
    written: int
    dropped: int
    """Entries that are lost, since the start."""

    pictures_lost: int

    @property
    def is_ok(self) -> bool:
        """Whether all that is answered is written down."""
        return self.text == "ok"


class Journal:
    """Writes predictions, feedback and drift from a thread of its own.

    Made after a process has forked, and started once. What does not fit into the bounds is
    dropped and counted; a database that is away is tried again, for ever.
    """

    def __init__(
        self,
        where: Address,
        *,
        pictures: Path | None = None,
        picture_bytes: int = 1_000_000_000,
        keep: Keep | None = None,
        most: int = 20_000,
        most_bytes: int = 64_000_000,
    ) -> None:
        self._waiting = Waiting(most=most, most_bytes=most_bytes)
        self._pictures = None if pictures is None else Pictures(pictures, most_bytes=picture_bytes)
        self._scribe = Scribe(where, self._waiting, self._pictures, keep or Keep())
        self._wake = Event()
        self._closing = Event()
        self._round = Condition()
        self._thread = Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> Journal:
        """Begin to write; the database is opened off the caller's way."""
        self._thread.start()
        return self

    def put(self, row: Entry | Drift, picture: bytes | None = None) -> None:
        """Hand over an entry, with the picture if it is to be kept."""
        kept = picture if self._pictures is not None else None
        self._waiting.put(Item(row, kept))
        if self._waiting.held >= BATCH and not self._wake.is_set():
            self._wake.set()

    def feedback(self, feedback: Feedback) -> Future[Outcome]:
        """Hand over what somebody said; known as soon as it is in the database."""
        told: Future[Outcome] = Future()
        if not 0 <= feedback.picture < _MOST_PICTURES or "\0" in feedback.id:
            told.set_result("unknown")
            return told
        away = self._scribe.trouble not in (None, "starting")
        if away or self._closing.is_set() or len(self._scribe.asked) >= _MOST_FEEDBACK:
            told.set_result("unavailable")
            return told
        # What was answered here is written before it is looked for; only others may be behind.
        patience = _PATIENCE if identity.is_fresh(feedback.id) else 0.0
        self._scribe.asked.append(Question(feedback, told, time.monotonic() + patience))
        self._wake.set()
        return told

    def state(self) -> State:
        """How it is just now."""
        waiting, trouble = self._waiting, self._scribe.trouble
        pictures = self._pictures
        if trouble is None and self._scribe.is_overrun:
            trouble = "more comes in than the database takes, and the rest is dropped"
        if trouble is None and pictures is not None and pictures.trouble is not None:
            trouble = f"pictures are not kept: {pictures.trouble}"
        return State(
            text="ok" if trouble is None else f"degraded: {trouble}",
            waiting=waiting.held,
            waiting_bytes=waiting.held_bytes,
            written=self._scribe.written,
            dropped=waiting.dropped,
            pictures_lost=0 if pictures is None else pictures.lost,
        )

    def flush(self, timeout: float) -> bool:
        """Wait until all that was handed over is written or dropped; False: not in time."""
        wanted = self._waiting.accepted
        until = time.monotonic() + timeout
        with self._round:
            while self._waiting.settled < wanted and self._thread.is_alive():
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._wake.set()
                self._round.wait(min(left, _EVERY))
        return self._waiting.settled >= wanted

    def close(self, timeout: float) -> bool:
        """Write what is left and end; False: something was lost, or it took too long."""
        self._closing.set()
        self._wake.set()
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        if self._thread.is_alive():
            lost = self._waiting.held
            _log.warning("the journal did not end in time: %d entries may be lost", lost)
            return False
        return self._waiting.held == 0 and self._scribe.trouble is None

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(_EVERY)
            self._wake.clear()
            self._turn(last=False)
        before = -1
        while self._scribe.written != before:
            before = self._scribe.written
            self._turn(last=True)
        left = self._scribe.abandon()
        self._scribe.leave()
        if left:
            _log.warning("the journal ends without %d entries", left)

    def _turn(self, *, last: bool) -> None:
        try:
            self._scribe.round(last=last)
        except Exception:
            _log.exception("a bug in the journal; serving goes on")
        if self._waiting.held >= BATCH and self._scribe.trouble is None:
            self._wake.set()
        with self._round:
            self._round.notify_all()
