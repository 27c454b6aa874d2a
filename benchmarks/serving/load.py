"""One client that asks as many at once, or as often, as is wanted, and takes little of the machine.

Plain sockets and epoll, requests made beforehand: some 20 µs of processor for a request, which is
measured and reported. An answer counts from the moment it was due to be asked for (so a client that
cannot keep up does not make a server look fast) to its last byte.
"""

from __future__ import annotations

import json
import select
import socket
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["Client", "Found", "Step", "percentile", "request"]

Step = Callable[[bytes], bytes]
"""From what was answered before to the next request's bytes; b"" begins."""

_CHUNK = 1 << 18
_MOST = 512
"""Connections at once, where nothing else is said."""

EVENT_ERROR = "error event"
"""An error told in the body of a 200, as an event stream does."""


def request(
    method: str, path: str, body: bytes = b"", kind: str = "", accept: str = "*/*"
) -> bytes:
    """A request as it goes over the line."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n"
    if kind:
        head += f"Content-Type: {kind}\r\n"
    if body or method == "POST":
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


@dataclass(kw_only=True)
class Found:
    """What came of it."""

    seconds: float = 0.0
    """By the clock."""

    own_cpu: float = 0.0
    """Seconds of processor that asking took."""

    asked: int = 0
    in_time: int = 0
    """Answers that were 200 before a flood was over."""

    statuses: Counter[str] = field(default_factory=Counter)
    took: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of each answer, by status."""

    retry_after: list[str] = field(default_factory=list)
    last: bytes = b""
    """Body of the newest answer."""

    def note(self, status: str, seconds: float) -> None:
        """One more."""
        self.statuses[status] += 1
        self.took.setdefault(status, []).append(seconds)

    @property
    def good(self) -> list[float]:
        """Seconds of the answers that were 200."""
        return self.took.get("200", [])


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Line:
    """One connection, and what is under way on it."""

    __slots__ = ("body", "chunked", "due", "head", "left", "length", "out", "place", "sock", "told")

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.due = 0.0
        self.place = 0
        self.out = memoryview(b"")
        self.reset()

    def reset(self) -> None:
        self.told = bytearray()
        self.head = 0
        self.length = -1
        self.chunked = False


class Client:
    """Asks a server on this machine, one request or several in a row for each answer."""

    def __init__(self, port: int, steps: Sequence[Step]) -> None:
        self._port = port
        self._steps = list(steps)
        self._poll = select.epoll()
        self._lines: dict[int, _Line] = {}
        self._idle: list[_Line] = []
        self._found = Found()
        self._after: Callable[[_Line, str, float], None] = lambda line, status, seconds: None

    def closed(self, connections: int, seconds: float) -> Found:
        """So many clients, each of which asks again as soon as it was answered."""
        self._begin()
        began = time.perf_counter()
        until = began + seconds

        def after(line: _Line, status: str, took: float) -> None:
            now = time.perf_counter()
            if now < until:
                self._ask(line, now)

        self._after = after
        for _ in range(connections):
            self._ask(_Line(), time.perf_counter())
        while time.perf_counter() < until:
            self._turn(0.05)
        return self._end(began)

    def once(self, patience: float = 60.0) -> Found:
        """One answer."""
        self._begin()
        began = time.perf_counter()
        self._after = lambda line, status, took: None
        self._ask(_Line(), began)
        while not self._found.statuses and time.perf_counter() - began < patience:
            self._turn(0.05)
        if not self._found.statuses:
            self._found.note("none", time.perf_counter() - began)
        return self._end(began)

    def flood(
        self, rate: float, seconds: float, *, calm: float, patience: float, most: int = _MOST
    ) -> tuple[Found, float | None]:
        """Requests at a constant rate, whatever becomes of them; then what is still to come, and
        how long until somebody new is answered within `calm` three times in a row (None: not
        within `patience`)."""
        self._begin()
        waiting: deque[float] = deque()
        began = time.perf_counter()
        until, asked, count = began + seconds, 0, round(rate * seconds)

        def after(line: _Line, status: str, took: float) -> None:
            if waiting:
                self._ask(line, waiting.popleft())
            elif line.sock is not None:
                self._idle.append(line)

        self._after = after
        while (now := time.perf_counter()) < until:
            while asked < count and began + asked / rate <= now:
                waiting.append(began + asked / rate)
                asked += 1
            while waiting and (self._idle or len(self._lines) < most):
                self._ask(self._idle.pop() if self._idle else _Line(), waiting.popleft())
            self._turn(max(0.0, min(0.02, began + asked / rate - time.perf_counter())))
        flooded, in_time = time.perf_counter() - began, len(self._found.good)
        recovered = self._recovered(calm, patience, waiting)
        unanswered = len(waiting) + sum(line.due > 0 for line in self._lines.values())
        if unanswered:
            self._found.statuses["none"] += unanswered
        found = self._end(began)
        found.seconds, found.asked, found.in_time = flooded, asked, in_time
        return found, recovered

    def _recovered(self, calm: float, patience: float, waiting: deque[float]) -> float | None:
        ended, row = time.perf_counter(), 0
        while (spent := time.perf_counter() - ended) < patience:
            probe = Client(self._port, self._steps)
            probe._begin()
            answered = probe._found
            probe._ask(_Line(), time.perf_counter())
            while not answered.statuses and time.perf_counter() - ended < patience:
                # Both: what is still to come from the flood is taken meanwhile.
                probe._turn(0.002)
                self._turn(0.0)
            probe._end(ended)
            row = row + 1 if answered.good and answered.good[0] <= calm else 0
            if row == 3:
                break
            time.sleep(0.01)
        # Others had as long to be answered as whoever came after them.
        while (waiting or any(line.due for line in self._lines.values())) and (
            time.perf_counter() - ended < patience
        ):
            self._turn(0.05)
        return spent if row == 3 else None

    def _begin(self) -> None:
        self._found = Found(own_cpu=time.thread_time())

    def _end(self, began: float) -> Found:
        found = self._found
        found.seconds = time.perf_counter() - began
        found.own_cpu = time.thread_time() - found.own_cpu
        found.asked = found.asked or sum(found.statuses.values())
        for line in list(self._lines.values()):
            self._drop(line)
        self._idle.clear()
        return found

    def _ask(self, line: _Line, due: float) -> None:
        line.due, line.place = due, 0
        self._next(line, b"")

    def _next(self, line: _Line, before: bytes) -> None:
        line.reset()
        line.out = memoryview(self._steps[line.place](before))
        if line.sock is None:
            line.sock = socket.socket()
            line.sock.setblocking(False)
            line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.sock.connect_ex(("127.0.0.1", self._port))
            self._lines[line.sock.fileno()] = line
            self._poll.register(line.sock, select.EPOLLIN | select.EPOLLOUT)
            return
        self._send(line, registered=False)

    def _turn(self, patience: float) -> None:
        for number, event in self._poll.poll(patience):
            line = self._lines.get(number)
            if line is None:
                continue
            if event & select.EPOLLOUT and not event & select.EPOLLIN:
                self._send(line, registered=True)
            elif event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._receive(line)

    def _send(self, line: _Line, *, registered: bool) -> None:
        assert line.sock is not None
        try:
            while line.out:
                line.out = line.out[line.sock.send(line.out) :]
        except BlockingIOError:
            if not registered:
                self._poll.modify(line.sock, select.EPOLLIN | select.EPOLLOUT)
            return
        except OSError:
            # It may have answered before it hung up.
            self._receive(line)
            return
        if registered:
            self._poll.modify(line.sock, select.EPOLLIN)

    def _receive(self, line: _Line) -> None:
        assert line.sock is not None
        try:
            some = line.sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            some = b""
        if not some:
            self._hung_up(line)
            return
        line.told += some
        if line.due and self._is_whole(line):
            self._answered(line)

    def _is_whole(self, line: _Line) -> bool:
        told = line.told
        if not line.head:
            end = told.find(b"\r\n\r\n")
            if end < 0:
                return False
            line.head = end + 4
            head = bytes(told[:end]).lower()
            at = head.find(b"\r\ncontent-length:")
            if at >= 0:
                line.length = int(head[at + 17 :].split(b"\r\n", 1)[0])
            line.chunked = b"\r\ntransfer-encoding: chunked" in head
        if line.chunked:
            return told.endswith(b"0\r\n\r\n")
        return line.length >= 0 and len(told) - line.head >= line.length

    def _hung_up(self, line: _Line) -> None:
        due, whole = line.due, line.head and line.length < 0 and not line.chunked
        if due and whole:
            self._answered(line, over=True)
            return
        self._drop(line)
        if due:
            self._done(line, "reset")

    def _answered(self, line: _Line, *, over: bool = False) -> None:
        head, body = bytes(line.told[: line.head]), bytes(line.told[line.head :])
        if line.chunked:
            body = _joined(body)
        status = head[9:12].decode()
        if over or line.out or b"\r\nconnection: close" in head.lower():
            self._drop(line)
        if status == "200" and b"event: error" in body:
            status = EVENT_ERROR
        if status == "200" and line.place + 1 < len(self._steps):
            line.place += 1
            self._next(line, body)
            return
        if status != "200":
            self._note_retry(head)
        self._found.last = body
        self._done(line, status)

    def _note_retry(self, head: bytes) -> None:
        at = head.lower().find(b"\r\nretry-after:")
        if at >= 0 and len(self._found.retry_after) < 1000:
            self._found.retry_after.append(head[at + 14 :].split(b"\r\n", 1)[0].strip().decode())

    def _done(self, line: _Line, status: str) -> None:
        took = time.perf_counter() - line.due
        line.due = 0.0
        self._found.note(status, took)
        self._after(line, status, took)

    def _drop(self, line: _Line) -> None:
        if line.sock is None:
            return
        self._lines.pop(line.sock.fileno(), None)
        if line in self._idle:
            self._idle.remove(line)
        line.sock.close()
        line.sock = None
        line.out = memoryview(b"")


def _joined(chunked: bytes) -> bytes:
    parts = []
    while chunked:
        size, _, rest = chunked.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        chunked = rest[length + 2 :] if length else b""
    return b"".join(parts)


def _main() -> None:
    """Compare with another client: python load.py PORT PATH FILE KIND [CONNECTIONS [SECONDS]]."""
    import sys

    port, path, name, kind = sys.argv[1:5]
    connections, seconds = (*map(int, sys.argv[5:7]), *(8, 5)[len(sys.argv) - 5 :])
    from pathlib import Path

    asked = request("POST", path, Path(name).read_bytes(), kind)
    found = Client(int(port), [lambda before: asked]).closed(connections, seconds)
    times = found.good
    told = {
        "a_second": len(times) / found.seconds,
        "statuses": found.statuses,
        "median_ms": 1000 * statistics.median(times) if times else None,
        "p99_ms": 1000 * (percentile(times, 0.99) or 0),
        "own_cpu_us": 1e6 * found.own_cpu / max(1, found.asked),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    _main()
