"""The lanes, which each take a request from its bytes to its answer.

They are threads: decoders and engines let go of the interpreter while they compute. Nothing is
handed from thread to thread on the way, and no batch is waited for: on a processor that costs more
than it brings. What is done sooner than a thread is woken, the event loop does by itself, one
request between two looks at what has come in.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from bakeoff.serving.admission import Admission, Ticket

__all__ = ["Elsewhere", "Pool"]

T = TypeVar("T")


_LOOKS = 64
"""At what has come in, at most, before the next request is worked on: each lets in one client."""


class Elsewhere(Exception):  # noqa: N818 - not an error of anybody's: a request
    """This takes so long that it would hold up the event loop."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    ticket: Ticket
    work: Callable[[], Any]
    at_once: Callable[[], Any] | None
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Pool:
    """Works on what was let in: first come, first served, unless `admission` says otherwise."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self._jobs: deque[_Job] = deque()
        self._turns: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """A lane takes one before it takes a job: True for each of those, False to end."""

        self._quick: deque[_Job] = deque()
        """What the event loop does."""

        self._heard = self._looked = self._looks = 0

        self._threads = [
            threading.Thread(target=self._lane, name=f"lane-{number}", daemon=True)
            for number in range(admission.lanes)
        ]
        for thread in self._threads:
            thread.start()

    async def run(
        self, ticket: Ticket, work: Callable[[], T], *, at_once: Callable[[], T] | None = None
    ) -> T:
        """What `work` returns or raises; `Full` where its turn came too late. `at_once` does the
        same in no time, or raises `Elsewhere`.

        Whoever stops waiting for it gives its turn away.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job = _Job(ticket, work, at_once, future, loop)
        if at_once is None:
            self._hand_over(job)
        else:
            self._quick.append(job)
            if len(self._quick) == 1:
                loop.call_soon(self._next)
        try:
            return await future
        finally:
            # What went wrong holds this frame: without this, the frame would hold it in turn.
            del future, job

    def heard(self) -> None:
        """Something has come in: it is looked at before anything else is begun."""
        self._heard += 1

    def close(self) -> None:
        """Work on what is there, then end. To be called once nothing is let in any more."""
        for _ in self._threads:
            self._turns.put(False)
        for thread in self._threads:
            thread.join()

    def _hand_over(self, job: _Job) -> None:
        self._jobs.append(job)
        self._turns.put(True)

    def _next(self) -> None:
        """One of those that the event loop does, once it has looked at all that has come in: who
        goes first, and who has to go, is decided among all."""
        loop = self._quick[0].loop
        if self._heard != self._looked and self._looks < _LOOKS:
            self._looked, self._looks = self._heard, self._looks + 1
            loop.call_soon(self._next)
            return
        self._looks = 0
        job = self._taken(self._quick)
        if self._quick:
            loop.call_soon(self._next)
        if job.future.cancelled():
            self.admission.end(job.ticket)
            return
        assert job.at_once is not None
        try:
            self.admission.begin(job.ticket)
            began = self.admission.clock()
            result, error = job.at_once(), None
        except Elsewhere:
            self._hand_over(job)
            return
        except Exception as found:
            result, error = None, found
        seconds = None if error is not None else self.admission.clock() - began
        self.admission.end(job.ticket, seconds)
        _settle(job.future, result, error)
        # What went wrong holds this frame, too.
        del error

    def _lane(self) -> None:
        while self._turns.get():
            job = self._taken(self._jobs)
            if job.future.cancelled():
                self.admission.end(job.ticket)
                continue
            try:
                if not job.ticket.begun:
                    self.admission.begin(job.ticket)
                began = self.admission.clock()
                result, error = job.work(), None
            except Exception as found:
                result, error = None, found
            seconds = None if error is not None else self.admission.clock() - began
            self.admission.end(job.ticket, seconds)
            job.loop.call_soon_threadsafe(_settle, job.future, result, error)
            # Nothing of it is kept while this waits for the next.
            del job, result, error

    def _taken(self, jobs: deque[_Job]) -> _Job:
        return jobs.pop() if self.admission.newest_first else jobs.popleft()


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
