"""A service within this process, on a real socket and with the real protocol: quick to start."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from bakeoff.serving.app import ROUTES, app
from bakeoff.serving.connection import connection
from bakeoff.serving.logs import Log
from bakeoff.serving.metrics import Metrics
from bakeoff.serving.service import Service, opened
from bakeoff.serving.settings import Settings
from bakeoff.serving.shedding import Shedding
from tests.serving.running import Answer

__all__ = ["Within", "within"]

_PATIENCE = 60.0


@dataclass(kw_only=True, eq=False)
class Within:
    """A service that answers."""

    service: Service
    port: int
    log: io.StringIO
    loop: asyncio.AbstractEventLoop
    kept: list[http.client.HTTPConnection] = field(default_factory=list)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request, on a connection that stays open."""
        if not self.kept:
            self.kept.append(http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE))
        try:
            return self._asked(method, path, body, headers)
        except (ConnectionError, http.client.HTTPException):
            # It was closed after the last answer.
            self.kept[0].close()
            return self._asked(method, path, body, headers)

    def post(self, path: str, body: bytes, kind: str = "image/png", **headers: str) -> Answer:
        """A body."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, body, {"content-type": kind, **given})

    def send(self, path: str, said: object, **headers: str) -> Answer:
        """A value as JSON."""
        return self.post(path, json.dumps(said).encode(), "application/json", **headers)

    def raw(self, content: bytes, *, patience: float = _PATIENCE, ends: bool = False) -> bytes:
        """All that comes back for these bytes until the connection is closed, or for `patience`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as one:
            one.sendall(content)
            if ends:
                one.shutdown(socket.SHUT_WR)
            found = b""
            try:
                while more := one.recv(65_536):
                    found += more
            except (TimeoutError, ConnectionResetError):
                pass
            return found

    def lines(self) -> list[dict[str, Any]]:
        """Of the log."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def _asked(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str] | None
    ) -> Answer:
        self.kept[0].request(method, path, body, headers or {})
        response = self.kept[0].getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def within(champion: Path, **settings: Any) -> Iterator[Within]:
    """A service of a champion until the block ends; without a journal unless one is named."""
    # A busy machine must not pass for a flood.
    usual = {"engine": "onnx", "lanes": 2, "journal": None, "ui": "none", "patience": 1e4}
    said = Settings(champion=str(champion), **{**usual, "deadline": 60.0, **settings})
    service = opened(said, str(champion), str(champion), 1, Metrics(routes=ROUTES))
    listening = socket.create_server(("127.0.0.1", 0))
    found: list[Within] = []
    started = threading.Event()
    stream = io.StringIO()
    log = Log("json", stream=stream)

    async def serve() -> None:
        config = uvicorn.Config(
            app(service, log),
            http=connection(
                most=said.connections,
                patience=said.patience_body,
                heard=service.pool.heard,
                shed=Shedding(service, log),
            ),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.001)
        loop = asyncio.get_running_loop()
        port = listening.getsockname()[1]
        found.append(Within(service=service, port=port, log=stream, loop=loop))
        started.set()
        await asyncio.to_thread(over.wait)
        server.should_exit = server.force_exit = True
        await serving
        await service.end()

    over = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="service")
    thread.start()
    assert started.wait(_PATIENCE)
    try:
        yield found[0]
    finally:
        for one in found[0].kept:
            one.close()
        over.set()
        thread.join()
        log.close()
        listening.close()
