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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn

from bakeoff.serving.accepting import Accepting, Counts
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
    """Takes in clients in its turn. Signals are the supervisor's business."""

    def __init__(
        self,
        config: uvicorn.Config,
        listening: socket.socket,
        counts: Counts | None,
        heard: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._heard = heard
        self._listening = listening
        self._counts = counts
        self._accepting: Accepting | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self._accepting = Accepting(self._listening, self._protocol, self._counts, self._heard)
        self._accepting.open()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert self._accepting is not None
        await self._accepting.close()
        await super().shutdown([self._listening])

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


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

    async def _start(
        self, settings: str, path: str, source: str, version: int, place: int, counts: str
    ) -> Message:
        said = Settings.from_json(settings)
        log = Log(said.log, quiet=said.quiet)
        log.adopt()
        metrics = Metrics(routes=ROUTES)
        self._service = await asyncio.to_thread(opened, said, path, source, version, metrics)
        workers = self._service.plan.workers
        shared = Counts(Path(counts), workers, place) if workers > 1 else None
        config = uvicorn.Config(
            app(self._service, log),
            http=connection(
                most=said.connections,
                patience=said.patience_body,
                heard=self._service.pool.heard,
                counted=(lambda count: None) if shared is None else shared.tell,
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
        if shared is not None:
            shared.tell(0)
        self._server = _Server(config, self._listening, shared, self._service.pool.heard)
        self._serving = asyncio.create_task(self._server.serve())
        while not self._server.started:
            if self._serving.done():
                await self._serving
            await asyncio.sleep(0.005)
        plan = self._service.plan
        told = {"plan": plan.reason, "workers": plan.workers, "lanes": plan.lanes}
        return {**told, "engine": plan.engine, **self._service.live.facts()}

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
