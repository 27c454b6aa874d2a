"""The lanes: threads that each take a request from its bytes to its answer.

Decoders and engines let go of the interpreter while they compute, so as many lanes as processors
keep all of them busy. Nothing is handed from thread to thread on the way, and no batch is waited
for: on a processor that costs more than it brings.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from bakeoff.serving.admission import Admission, Ticket

__all__ = ["Pool"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    ticket: Ticket
    work: Callable[[], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Pool:
    """Threads that work on what was let in, first come, first served."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._lane, name=f"lane-{number}", daemon=True)
            for number in range(admission.lanes)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, ticket: Ticket, work: Callable[[], T]) -> T:
        """What `work` returns or raises; `Full` where its turn came too late.

        Whoever stops waiting for it gives its turn away.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(ticket, work, future, loop))
        try:
            return await future
        finally:
            # What went wrong holds this frame: without this, the frame would hold it in turn.
            del future

    def close(self) -> None:
        """Work on what is there, then end. To be called once nothing is let in any more."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _lane(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.future.cancelled():
                self.admission.end(job.ticket)
                continue
            try:
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


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
