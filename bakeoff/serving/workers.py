"""The worker processes of a service: started, spoken to, started again when they die."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.serving.accepting import Counts
from bakeoff.serving.control import Channel, Message
from bakeoff.serving.memory import environment
from bakeoff.serving.scraping import forget, prepare
from bakeoff.spec.errors import UserError

__all__ = ["Say", "Worker", "Workers"]

Say = Callable[[str, Message], None]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
"""Seconds before a worker that died is started again; doubled each time."""

_STEADY = 30.0
"""Seconds after which a worker that dies is not one that cannot start."""

_MOST = 256
"""Workers, where their number is not known yet."""

_ENDING = 5.0
"""Seconds that a worker may take to be gone, once all is answered."""


@dataclass(slots=True, kw_only=True, eq=False)
class Worker:
    """One process."""

    number: int
    process: asyncio.subprocess.Process
    channel: Channel
    listening: asyncio.Task[None]
    began: float

    async def ask(self, do: str, **given: Any) -> dict[str, Any]:
        """What it answers; its errors are raised, and `ConnectionError` where it is gone."""
        told = await self.channel.ask({"do": do, **given})
        if "error" in told:
            field, rule, suggestion = told["error"]
            raise UserError(field, rule, suggestion=suggestion)
        return told

    async def end(self, seconds: float) -> None:
        """Let it answer what it has, for so long; then it goes, one way or the other."""
        with suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(self.ask("drain"), seconds)
        try:
            await asyncio.wait_for(self.process.wait(), _ENDING)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """At once."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class Workers:
    """All of them, as many as `count` or as the first one finds right. `start` makes one answer for
    what is served at that moment."""

    def __init__(
        self,
        count: int | None,
        listening: socket.socket,
        *,
        start: Callable[[Worker], Awaitable[Message]],
        say: Say,
        folder: Path,
    ) -> None:
        self.ending = asyncio.Event()
        """Set once none is started any more."""

        self._count = count
        self._socket = listening
        self._start = start
        self._say = say
        self._all: dict[int, Worker] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self.counts = folder / "connections"
        """Where each tells how many connections it has."""

        self._shared: Counts | None = None
        # Several count together, in files; one by itself needs none.
        self._metrics = None if count == 1 else folder / "metrics"
        self._environment: Mapping[str, str] = {**environment(), **os.environ}
        if self._metrics is not None:
            self._environment = {**self._environment, **prepare(self._metrics)}
            self._shared = Counts.made(self.counts, count or _MOST)

    async def begin(self) -> Message:
        """Start all; what the first one says of itself, and of how many there have to be."""
        # It measures, and must not be disturbed.
        told = await self._begun(0)
        count = self._count or told["workers"]
        await asyncio.gather(*(self._begun(number) for number in range(1, count)))
        for worker in list(self._all.values()):
            self.keep(self._watch(worker))
        return told

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on beside, until the end."""
        task = asyncio.get_running_loop().create_task(work)
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def everywhere(self, work: Callable[[Worker], Awaitable[Any]]) -> None:
        """Do it with every worker at once; the first error is raised when all are through."""
        found = await asyncio.gather(
            *(work(worker) for worker in self._all.values()), return_exceptions=True
        )
        for one in found:
            if isinstance(one, BaseException):
                raise one

    async def tell(self, do: str) -> dict[str, Any]:
        """Say it to every worker; one that is gone starts again with what is served then."""
        told: dict[str, Any] = {}
        for worker in list(self._all.values()):
            with suppress(ConnectionError):
                told = await worker.ask(do)
        return told

    async def end(self, seconds: float) -> None:
        """Let all answer what they have, and end."""
        self.ending.set()
        await asyncio.gather(*(worker.end(seconds) for worker in list(self._all.values())))
        for task in list(self._watchers):
            task.cancel()

    def kill(self) -> None:
        """All of them, at once."""
        for worker in self._all.values():
            with suppress(ProcessLookupError):
                worker.process.kill()

    async def _begun(self, number: int) -> Message:
        worker = await self._spawn(number)
        try:
            told = await self._start(worker)
        except BaseException:
            await worker.kill()
            raise
        self._all[number] = worker
        return told

    async def _spawn(self, number: int) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bakeoff.serving.worker",
                str(self._socket.fileno()),
                str(theirs.fileno()),
                pass_fds=(self._socket.fileno(), theirs.fileno()),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
            )
        channel = await Channel.over(ours, _nothing)
        return Worker(
            number=number,
            process=process,
            channel=channel,
            listening=asyncio.create_task(channel.listen()),
            began=time.monotonic(),
        )

    async def _watch(self, worker: Worker) -> None:
        """Wait for a worker's end, and start another in its place."""
        pause = _FIRST_PAUSE
        while True:
            code = await worker.process.wait()
            self._all.pop(worker.number, None)
            if self.ending.is_set():
                return
            self._say("worker died", {"level": "error", "worker": worker.number, "code": code})
            if self._metrics is not None:
                forget(self._metrics, worker.process.pid)
            if self._shared is not None:
                self._shared.away(worker.number)
            if time.monotonic() - worker.began > _STEADY:
                pause = _FIRST_PAUSE
            while worker.number not in self._all:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                if self.ending.is_set():
                    return
                await self._try(worker.number)
            worker = self._all[worker.number]
            self._say("worker ready", {"worker": worker.number})

    async def _try(self, number: int) -> None:
        try:
            await self._begun(number)
        except (UserError, ConnectionError, OSError) as error:
            facts = {"level": "error", "worker": number, "error": str(error)}
            self._say("worker failed", facts)


async def _nothing(message: Message) -> Message:
    """Workers are asked, and do not ask."""
    return {"ok": True}
