"""Clients are let in by the worker that has the fewest.

Workers wait at one socket, and the system wakes all of them: the quickest would take clients that
another has time for, and keep them for as long as their connections last. So each tells the others
how many it has, and who has more than another leaves a newcomer to that one for a moment.
"""

from __future__ import annotations

import asyncio
import mmap
import socket
import struct
from collections.abc import Callable
from pathlib import Path

__all__ = ["Accepting", "Counts"]

_LEAVE = 0.003
"""Seconds in which another may take a newcomer; long enough for one that computes a picture."""

_AGAIN = 1.0
"""Seconds until the next try, where the system has no room for another connection."""

_AWAY = 2**31
_ONE = struct.Struct("=I")


class Counts:
    """How many connections each worker has, in memory that all of them see."""

    def __init__(self, path: Path, workers: int, place: int | None = None) -> None:
        self._place = place
        self._places = range(workers)
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _ONE.size * workers)

    @classmethod
    def made(cls, path: Path, workers: int) -> Counts:
        """For workers that are all still away."""
        path.write_bytes(_ONE.pack(_AWAY) * workers)
        return cls(path, workers)

    def away(self, place: int) -> None:
        """A worker is gone: nobody has to leave anything to it."""
        _ONE.pack_into(self._shared, _ONE.size * place, _AWAY)

    def tell(self, count: int) -> None:
        """So many has this one."""
        assert self._place is not None
        _ONE.pack_into(self._shared, _ONE.size * self._place, count)

    def has_more(self) -> bool:
        """Whether this one has more than another."""
        assert self._place is not None
        return min(map(self._count, self._places)) < self._count(self._place)

    def _count(self, place: int) -> int:
        count: int = _ONE.unpack_from(self._shared, _ONE.size * place)[0]
        return count


class Accepting:
    """Lets clients in at a socket, as long as it is open."""

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        counts: Counts | None,
        heard: Callable[[], None],
    ) -> None:
        self.listening = listening
        self._protocol = protocol
        self._counts = counts
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._has_left = False
        """Whether the newcomer was left to others already."""

    def open(self) -> None:
        """From now on."""
        self._again = None
        self._loop.add_reader(self.listening, self._knocked)

    def close(self) -> None:
        """Nobody comes in any more."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self.listening)

    def _knocked(self) -> None:
        if self._counts is not None and not self._has_left and self._counts.has_more():
            self._has_left = True
            self._pause(_LEAVE)
            return
        self._has_left = False
        try:
            one, _ = self.listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            # Somebody else was quicker, or it has gone again.
            return
        except OSError:
            self._pause(_AGAIN)
            return
        self._heard()
        one.setblocking(False)
        task = self._loop.create_task(self._let_in(one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_in(self, one: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, one)
        except OSError:
            one.close()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self.listening)
        self._again = self._loop.call_later(seconds, self.open)
