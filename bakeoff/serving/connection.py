"""One client's connection, with patience that ends.

Uvicorn waits for ever for a request whose head never comes whole, and for any number of those. Here
a head has to arrive in time and in size, there are only so many connections, and what nobody reads
is neither kept nor waited for.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from bakeoff.serving.problems import PAUSE, Problem

__all__ = ["Connection", "connection"]

_HEAD = 32_768
"""Bytes of a request's head, at most."""

_AHEAD = 8
"""Requests that may be sent before the first is answered."""

_LINGER = 2.0
"""Seconds for a client that is still sending to notice that its answer is there."""

_UNREAD = 16_000_000
"""Bytes that are thrown away meanwhile."""

_FLUSH = 30.0
"""Seconds for a client to read its last answer."""

_LATEST = 1.0
"""Seconds for whoever was let in last to ask, before the service ends."""


class Connection(HttpToolsProtocol):
    """HTTP/1.1 on one connection."""

    most = 1024
    """Connections that are open at once."""

    patience = 10.0
    """Seconds for a request's head."""

    shed: Callable[[bytes], bytes | None] | None = None
    """Gives the answer to a request that has to go before it is looked at."""

    heard: Callable[[], None]
    """Told that something has come in."""

    counted: Callable[[int], None]
    """Told how many connections there are."""

    _shed_answer: bytes | None = None
    """Of the request whose body is passed over just now."""

    _shed_later: TimerHandle | None = None

    answering: asyncio.Task[None] | None = None
    """What answers the request that is looked at just now."""

    _timer: TimerHandle | None = None
    _closing: TimerHandle | None = None
    _ending: TimerHandle | None = None
    _head = 0
    _is_head = True
    _unread = 0
    _lingers = False

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.app = _Mannered(self, self.app)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.heard()
        self.counted(len(self.connections))
        if len(self.connections) > self.most:
            self._refuse(Problem(status=503, detail="Too many connections are open.", retry=1))
            # At once: they are too many.
            self.transport.close()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        for timer in (self._closing, self._ending, self._shed_later):
            if timer is not None:
                timer.cancel()
        # Also where something went wrong: else it keeps the connection in memory until it fires.
        self._unset_keepalive_if_required()
        for cycle, _ in self.pipeline:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.answering is not None:
            # Nobody waits for it: its turn is somebody else's.
            self.answering.cancel()
        super().connection_lost(exc)
        self.counted(len(self.connections))

    def data_received(self, data: bytes) -> None:
        self.heard()
        if self._lingers:
            self._unread += len(data)
            if self._unread > _UNREAD:
                self.transport.abort()
            return
        if self.parser is None or self.transport.is_closing():
            return
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._is_head = True
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self._shed_later is not None:
            # Its answer has to go out before that to the next one.
            self._tell_shed()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name, value)
        # What follows a body in chunks looks the same, and must not pass for a part of the head.
        if self._is_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._disarm()
        self._head, self._is_head = 0, False
        if self.transport.is_closing() or self._lingers:
            return
        if len(self.pipeline) >= _AHEAD:
            self.transport.abort()
            return
        self._shed_answer = self._shed()
        if self._shed_answer is not None:
            # It may take as long to arrive as one that is read.
            self._expect_head()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._shed_answer is None and self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._shed_answer is not None:
            self._disarm()
            self._shed_later = self.loop.call_later(PAUSE, self._tell_shed)
        elif self.cycle is not None:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem(status=400, detail="This is not a request in HTTP/1.1."))

    def shutdown(self) -> None:
        # Whoever has just come in is about to ask; who has asked before has had an answer that
        # closed the connection, or was silent since.
        if self.cycle is None and not self.transport.is_closing():
            self._ending = self.loop.call_later(_LATEST, self.transport.close)
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        # Whoever does not even read the answer would otherwise keep the connection.
        self.transport.abort()

    def finish(self, cycle: RequestResponseCycle) -> None:
        """Close after an answer; but not in the face of a client that is still sending: the system
        would throw the answer away with what was not read."""
        if self._lingers or self.transport.is_closing():
            return
        if cycle.more_body:
            self._linger()
            return
        self._closing = self.loop.call_later(_FLUSH, self.transport.abort)
        self.transport.close()

    def _shed(self) -> bytes | None:
        """The answer, where this request has to go: one that stands alone, and has no wishes of
        its own about how it is answered."""
        is_alone = self.cycle is None or self.cycle.response_complete
        if self.shed is None or not is_alone or self.pipeline or self.expect_100_continue:
            return None
        if self.parser.get_method() != b"POST" or not self.parser.should_keep_alive():
            return None
        return self.shed(self.url)

    def _tell_shed(self) -> None:
        answer, self._shed_answer = self._shed_answer, None
        if self._shed_later is not None:
            self._shed_later.cancel()
            self._shed_later = None
        if answer is None or self.transport.is_closing() or self._lingers:
            return
        self.transport.write(answer)
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _linger(self) -> None:
        self._lingers = True
        self._closing = self.loop.call_later(_LINGER, self.transport.abort)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _expect_head(self) -> None:
        self._timer = self.loop.call_later(self.patience, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        self._refuse(
            Problem(status=408, detail=f"No whole request came within {self.patience:g} s.")
        )

    def _count(self, *parts: bytes) -> None:
        self._head += sum(map(len, parts))
        if self._head > _HEAD and not self._lingers:
            self._refuse(
                Problem(status=431, detail=f"The head of a request may have {_HEAD} bytes.")
            )

    def _refuse(self, problem: Problem) -> None:
        """Answer before there is a request, and hang up."""
        self._disarm()
        if self.transport.is_closing() or self._lingers:
            return
        cycle = self.cycle
        is_next = cycle is not None and (self._head > 0 or not cycle.more_body)
        if self.pipeline or (is_next and not cycle.response_complete):
            # It would be taken for the answer to a request before this one.
            self.transport.abort()
            return
        body = problem.body()
        head = [STATUS_LINE[problem.status]]
        for name, value in (*problem.headers(), ("connection", "close")):
            head.append(f"{name}: {value}\r\n".encode("latin-1"))
        head.append(f"content-length: {len(body)}\r\n\r\n".encode())
        self.transport.write(b"".join((*head, body)))
        self._linger()


class _Mannered:
    """The application, on a connection that closes after an answer to what was not read whole."""

    def __init__(self, connection: Connection, inner: ASGIApp) -> None:
        self._connection = connection
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cycle: RequestResponseCycle = send.__self__  # type: ignore[attr-defined]
        cycle.transport = _Transport(self._connection, cycle)  # type: ignore[assignment]

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and cycle.more_body:
                cycle.keep_alive = False
            await send(message)

        self._connection.answering = asyncio.current_task()
        try:
            await self._inner(scope, receive, sent)
        except asyncio.CancelledError:
            if not cycle.disconnected:
                raise
        finally:
            # They would keep each other in memory.
            self._connection.answering = None
            cycle.transport = self._connection.transport


class _Transport:
    """What an answer is written to."""

    def __init__(self, connection: Connection, cycle: RequestResponseCycle) -> None:
        self._connection = connection
        self._cycle = cycle
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing

    def close(self) -> None:
        """As the connection sees fit."""
        self._connection.finish(self._cycle)


def connection(
    *,
    most: int,
    patience: float,
    heard: Callable[[], None],
    counted: Callable[[int], None] = lambda count: None,
    shed: Callable[[bytes], bytes | None] | None = None,
) -> type[Connection]:
    """A kind of connection with these limits, as Uvicorn wants it: a class."""
    given = {
        "most": most,
        "patience": patience,
        "heard": staticmethod(heard),
        "counted": staticmethod(counted),
        "shed": shed,
    }
    return type("LimitedConnection", (Connection,), given)
