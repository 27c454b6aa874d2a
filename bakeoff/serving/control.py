"""How a service is spoken to from its own machine: JSON, a line each, over Unix sockets.

Supervisor and workers speak over a pair of sockets that nobody else has. `bakeoff deploy` speaks
with the supervisor over one in the service's folder, which only the same user may open.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from bakeoff.data.cache import cache_folder
from bakeoff.spec.errors import UserError

__all__ = ["Channel", "asked", "service_folder"]

_LONGEST = 1 << 20
"""Bytes of a line, at most."""

Message = Mapping[str, Any]


def service_folder(port: int) -> Path:
    """Where the service on this port keeps what is its own."""
    return cache_folder() / "services" / str(port)


def asked(port: int, message: Message, *, seconds: float = 120.0) -> dict[str, Any]:
    """What the service on this port of this machine answers; its errors are raised."""
    path = service_folder(port) / "control.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
            one.settimeout(seconds)
            one.connect(str(path))
            one.sendall(_line(message))
            with one.makefile("rb") as file:
                answer = json.loads(file.readline(_LONGEST))
    except (FileNotFoundError, ConnectionError):
        raise UserError(
            "--port",
            "must be that of a service which runs on this machine, for the same user",
            port,
            "Start one with `bakeoff serve`, or give its --port.",
        ) from None
    except (TimeoutError, ValueError):
        raise UserError(
            f"the service on port {port}",
            f"did not answer within {seconds:g} s",
            suggestion="Look at its log; what it served before it goes on serving.",
        ) from None
    if "error" in answer:
        field, rule, suggestion = answer["error"]
        raise UserError(field, rule, suggestion=suggestion)
    found: dict[str, Any] = answer
    return found


class Channel:
    """One end of a conversation in which both sides may ask."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Callable[[Message], Awaitable[Message]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def over(
        cls, one: socket.socket, answer: Callable[[Message], Awaitable[Message]]
    ) -> Channel:
        """A channel over a connected socket."""
        reader, writer = await asyncio.open_connection(sock=one, limit=_LONGEST)
        return cls(reader, writer, answer)

    async def ask(self, message: Message) -> dict[str, Any]:
        """What the other side answers. `ConnectionError` where it is gone."""
        self._number += 1
        future = asyncio.get_running_loop().create_future()
        self._asked[self._number] = future
        self._write({"number": self._number, "ask": dict(message)})
        found: dict[str, Any] = await future
        return found

    async def listen(self) -> None:
        """Answer, and hand on answers, until the other side is gone."""
        try:
            while line := await self._reader.readline():
                self._take(json.loads(line))
        except (ConnectionError, ValueError):
            pass
        finally:
            for future in self._asked.values():
                if not future.done():
                    future.set_exception(ConnectionError("the other side is gone"))
            self._writer.close()

    def _take(self, message: dict[str, Any]) -> None:
        if "answer" in message:
            future = self._asked.pop(message["number"], None)
            if future is not None and not future.done():
                future.set_result(message["answer"])
            return
        task = asyncio.get_running_loop().create_task(self._answered(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, message: dict[str, Any]) -> None:
        told = await self._answer(message["ask"])
        self._write({"number": message["number"], "answer": dict(told)})

    def _write(self, message: Message) -> None:
        if self._writer.is_closing():
            raise ConnectionError("the other side is gone")
        self._writer.write(_line(message))


def _line(message: Message) -> bytes:
    return json.dumps(message).encode() + b"\n"
