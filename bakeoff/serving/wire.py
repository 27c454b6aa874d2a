"""HTTP as a client speaks it: connections that stay open, each used by one thread at a time."""

from __future__ import annotations

import http.client
import json
import ssl
import weakref
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "Lost", "Wire"]

_MOST = 100_000_000
"""Bytes of an answer."""


class Lost(Exception):  # noqa: N818 - told to the caller in other words
    """No answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body; None where it is something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def problem(self) -> tuple[str, str]:
        """What is wrong, in a sentence, and in a word."""
        try:
            told = json.loads(self.body)
            kind = str(told["type"]).rpartition(":")[2]
            return str(told["detail"]), kind
        except (ValueError, KeyError, TypeError):
            return http.client.responses.get(self.status, "") + ".", ""

    def retry_after(self) -> float | None:
        """Seconds, if it says so."""
        said = self.headers.get("retry-after", "")
        return float(said[:6]) if said.isascii() and said.isdecimal() else None


class Wire:
    """Connections to one address."""

    def __init__(self, scheme: str, host: str, port: int | None) -> None:
        self._scheme = scheme
        self._host = host
        self._port = port
        self._idle: list[http.client.HTTPConnection] = []
        weakref.finalize(self, _close, self._idle)

    def ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], seconds: float
    ) -> Answer:
        """One request. Where it fails on a connection that was open already it is sent on a new
        one: the other end may just have closed that."""
        try:
            while self._idle:
                try:
                    kept = self._idle.pop()
                except IndexError:
                    # Another thread took the last.
                    break
                try:
                    return self._once(kept, method, path, body, headers, seconds)
                except TimeoutError:
                    raise
                except (OSError, http.client.HTTPException):
                    _close(self._idle)
            return self._once(self._new(), method, path, body, headers, seconds)
        except TimeoutError:
            raise Lost(f"nothing came within {seconds:.3g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise Lost(getattr(error, "strerror", None) or str(error) or "it hung up") from None

    def close(self) -> None:
        """Close those that nobody uses just now."""
        _close(self._idle)

    def _new(self) -> http.client.HTTPConnection:
        if self._scheme == "http":
            return http.client.HTTPConnection(self._host, self._port)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(self._host, self._port, context=context)

    def _once(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        seconds: float,
    ) -> Answer:
        connection.timeout = seconds
        if connection.sock is not None:
            connection.sock.settimeout(seconds)
        try:
            try:
                connection.request(method, path, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                # It may have answered before it was told everything, and hung up: why is worth
                # knowing.
                if connection.sock is None:
                    raise
            response = connection.getresponse()
            content = response.read(_MOST)
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, told, content)


def _close(connections: list[http.client.HTTPConnection]) -> None:
    while connections:
        try:
            connections.pop().close()
        except IndexError:
            return
