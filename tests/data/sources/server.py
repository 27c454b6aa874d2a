"""A small file server on the loopback that misbehaves as told."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SO_LINGER, SOL_SOCKET

__all__ = ["Server", "serving"]


@dataclass
class Server:
    """What is served, how badly, and what was asked."""

    content: bytes
    url: str = ""
    tag: str = '"one"'
    breaks: list[int] = field(default_factory=list)
    """Bytes after which each answer in turn breaks off."""
    ignores_range: bool = False
    refuses_range: bool = False
    resets: bool = False
    """Breaks off by a reset instead of a plain end."""
    ignores_condition: bool = False
    """Sends a part although the file is no longer the one that was begun."""
    status: int = 200
    redirect: str = ""
    asked: list[str] = field(default_factory=list)
    """The Range header of each request, empty where there was none."""


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def do_GET(self) -> None:
        told = self.server.told
        wanted = self.headers.get("Range", "")
        told.asked.append(wanted)
        status = 416 if told.refuses_range and wanted else told.status
        if told.redirect or status != 200:
            self.send_response(302 if told.redirect else status)
            self.send_header("Location", told.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        same = told.ignores_condition or self.headers.get("If-Range") == told.tag
        start = 0
        if wanted and same and not told.ignores_range:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self._answer(start)

    def _answer(self, start: int) -> None:
        told = self.server.told
        total = len(told.content)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.send_header("Content-Length", str(total - start))
        if told.tag:
            self.send_header("ETag", told.tag)
        self.end_headers()
        rest = told.content[start:]
        cut = told.breaks.pop(0) if told.breaks else len(rest)
        self.wfile.write(rest[:cut])
        if told.resets and cut < len(rest):
            self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Tests print nothing."""


class _Http(ThreadingHTTPServer):
    def __init__(self, told: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told = told

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection we broke ourselves is no news."""


@contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """A server for one file."""
    told = Server(content)
    http = _Http(told)
    told.url = f"http://127.0.0.1:{http.server_port}/files/data.bin"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
