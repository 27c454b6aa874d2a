"""A request's way: let in, computed in a lane, and told to whoever keeps count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bakeoff.data.decode import Limits
from bakeoff.serving.admission import Admission, Full
from bakeoff.serving.computing import Computed, Result, Upload, compute, compute_at_once
from bakeoff.serving.journal.entry import Role
from bakeoff.serving.live import Live, Served
from bakeoff.serving.pool import Pool

__all__ = ["Answered", "Answerer", "Ask"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ask:
    """A request for answers."""

    id: str
    route: str
    uploads: Sequence[Upload]
    seconds: float
    """Within which the answer is wanted."""

    key: str | None = None
    """Name of the API key that it came with."""

    @property
    def size(self) -> int:
        """Bytes of all pictures."""
        return sum(len(upload.content) for upload in self.uploads)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answered:
    """A request and its answers."""

    ask: Ask
    served: Served
    role: Role
    results: tuple[Result, ...]
    decode: float
    queue: float
    infer: float
    total: float
    """Seconds, from being let in to the answer."""


class Answerer:
    """Answers requests, within bounds of time, count and memory."""

    def __init__(
        self,
        *,
        live: Live,
        admission: Admission,
        pool: Pool,
        limits: Limits,
        told: Callable[[Answered], None] = lambda answered: None,
        compared: Callable[[Answered, Answered], None] = lambda heard, shadow: None,
    ) -> None:
        self.live = live
        self.admission = admission
        self.pool = pool
        self.limits = limits
        self.told = told
        self.compared = compared
        """Told what was answered, and what a shadow said of the same."""

        self.passed_over = 0
        """Requests that a shadow was not asked about, for want of room."""

        self._beside: set[asyncio.Task[None]] = set()

    async def answer(self, ask: Ask) -> Answered:
        """An answer for each picture; `Full` where there is no room for the request."""
        served, shadow = self.live.answers(ask.id)
        role: Role = "live" if served is self.live.current else "canary"
        answered = await self._asked(ask, served, role)
        self.told(answered)
        if shadow is not None:
            task = asyncio.get_running_loop().create_task(self._shadowed(answered, shadow.served))
            self._beside.add(task)
            task.add_done_callback(self._beside.discard)
        return answered

    async def settle(self) -> None:
        """Wait for what goes on beside the answers."""
        await asyncio.gather(*self._beside, return_exceptions=True)

    async def _asked(self, ask: Ask, served: Served, role: Role) -> Answered:
        ticket = self.admission.admit(len(ask.uploads), ask.seconds)

        def work(how: Callable[..., Computed] = compute) -> tuple[float, Computed]:
            waited = self.admission.clock() - ticket.since
            return waited, how(served.together or served.champion, ask.uploads, self.limits)

        at_once = partial(work, compute_at_once) if served.is_quick else None
        waited, found = await self.pool.run(ticket, work, at_once=at_once)
        return Answered(
            ask=ask,
            served=served,
            role=role,
            results=found.results,
            decode=found.decode,
            queue=waited,
            infer=found.infer,
            total=self.admission.clock() - ticket.since,
        )

    async def _shadowed(self, heard: Answered, served: Served) -> None:
        """Ask a shadow what it says of the same pictures, where nobody has to wait for that."""
        if self.admission.waiting:
            self.passed_over += 1
            return
        try:
            shadow = await self._asked(heard.ask, served, "shadow")
        except Full:
            self.passed_over += 1
            return
        self.told(shadow)
        self.compared(heard, shadow)
