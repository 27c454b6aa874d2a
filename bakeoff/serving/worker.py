"""A worker's process: `python -m bakeoff.serving.worker LISTENING CONTROL`, two open sockets.

It does what the supervisor says over the second, and ends, with all that was asked of it answered,
when told to or when the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn

from bakeoff.serving.app import ROUTES, app
from bakeoff.serving.connection import connection
from bakeoff.serving.control import Channel, Message
from bakeoff.serving.listening import refuse_newcomers
from bakeoff.serving.live import Mode
from bakeoff.serving.logs import Log
from bakeoff.serving.metrics import Metrics
from bakeoff.serving.service import Service, opened
from bakeoff.serving.settings import Settings
from bakeoff.serving.shedding import Shedding
from bakeoff.spec.errors import UserError

__all__ = ["Worker", "main"]

_IDLE = 30
"""Seconds that a connection may stay open without a request."""


_LAST = 0.1
"""Seconds for the last ones to be let in."""


class _Server(uvicorn.Server):
    """Signals are the supervisor's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Worker:
    """Answers requests on a socket that others may share."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._service: Service | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    async def work(self, control: socket.socket) -> None:
        """Until it is told to end."""
        channel = await Channel.over(control, self._told)
        listening = asyncio.create_task(channel.listen())
        ended = asyncio.create_task(self._over.wait())
        await asyncio.wait({listening, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not self._over.is_set():
            await self._drain()
        # What was answered last has to be on its way.
        await asyncio.sleep(0)
        ended.cancel()
        listening.cancel()

    async def _told(self, message: Message) -> Message:
        try:
            return await getattr(self, f"_{message['do']}")(
                **{key: value for key, value in message.items() if key != "do"}
            ) or {"ok": True}
        except UserError as error:
            return {"error": [error.field, error.rule, error.suggestion]}

    async def _start(self, settings: str, path: str, source: str, version: int) -> Message:
        said = Settings.from_json(settings)
        log = Log(said.log, quiet=said.quiet)
        log.adopt()
        metrics = Metrics(routes=ROUTES)
        self._service = await asyncio.to_thread(opened, said, path, source, version, metrics)
        config = uvicorn.Config(
            app(self._service, log),
            http=connection(
                most=said.connections,
                patience=said.patience_body,
                # Pages elsewhere have to be told by headers that they may read the answer.
                shed=None if said.cors else Shedding(self._service, log),
            ),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Whom a client says to be is believed nowhere: rates are kept by its address.
            proxy_headers=False,
            timeout_keep_alive=_IDLE,
            timeout_graceful_shutdown=max(1, round(said.drain)),
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve([self._listening]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
            await asyncio.sleep(0.005)
        return {"ok": True, "plan": self._service.plan.reason, **self._service.live.facts()}

    async def _prepare(
        self, path: str, source: str, version: int, mode: Mode, share: float
    ) -> None:
        await self._ready().prepare(path, source, version, mode, share)

    async def _commit(self) -> Message:
        self._ready().commit()
        return self._ready().live.facts()

    async def _abort(self) -> None:
        self._ready().live.abort()

    async def _end_trial(self) -> Message:
        self._ready().live.end_trial()
        return self._ready().live.facts()

    async def _facts(self) -> Message:
        return self._ready().live.facts()

    async def _drain(self) -> None:
        """Say that it is not ready, answer what comes meanwhile, then end."""
        if self._service is not None and not self._service.draining:
            self._service.draining = True
            await asyncio.sleep(self._service.settings.grace)
            refuse_newcomers(self._listening)
            # Those who knocked before are accepted meanwhile.
            await asyncio.sleep(_LAST)
            assert self._server is not None
            assert self._serving is not None
            self._server.should_exit = True
            await self._serving
            await self._service.end()
        self._over.set()

    def _ready(self) -> Service:
        assert self._service is not None
        return self._service


def main() -> None:
    """The process."""
    listening, control = (socket.socket(fileno=int(word)) for word in sys.argv[1:3])
    # A terminal sends its interrupt to everybody in it; the supervisor decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Threads that compute give the interpreter back after this long to the one that talks.
    sys.setswitchinterval(0.001)
    _run(Worker(listening).work(control))


def _run(work: Any) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()
