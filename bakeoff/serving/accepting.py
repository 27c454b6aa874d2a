"""Clients are let in by the worker that has the fewest.

Workers wait at one socket, and the system wakes all of them: the quickest would take clients that
another has time for, and keep them for as long as their connections last. So each tells the others
how many it has, and who has more than another leaves a newcomer to that one for a moment. Of many,
one more or less is none: then nobody leaves anything, as that takes longer than to let one in.
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

_SLACK = 8
"""One in so many is no difference."""

_TOGETHER = 16
"""Newcomers that are let in at once, at most: they take no longer than a picture. Where there are
few it is one by one: another may be about to tell that all of its own have gone."""

_QUEUE = 1024
"""Who may have knocked and not be let in yet, at most."""

_AGAIN = 1.0
"""Seconds until the next try, where the system has no room for another connection."""

_AWAY = 2**31
_ONE = struct.Struct("=I")


class Counts:
    """How many connections each worker has, in memory that all of them see."""

    def __init__(self, path: Path, workers: int, place: int | None = None) -> None:
        self._place = place
        self._places = range(workers)
        self._here = self._coming = 0
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
        self._here = count
        self._told()

    def expect(self) -> None:
        """One more is on its way to this one."""
        self._coming += 1
        self._told()

    def arrive(self, *, lost: bool = False) -> None:
        """One that was on its way is here, or was lost."""
        self._coming -= 1
        self.tell(self._here + (not lost))

    def has_more(self) -> bool:
        """Whether this one has more than another."""
        assert self._place is not None
        fewest = min(map(self._count, self._places))
        return fewest + fewest // _SLACK < self._count(self._place)

    def at_once(self) -> int:
        """How many more this one may let in before it looks at the others again."""
        return min(_TOGETHER, 1 + (self._here + self._coming) // _SLACK)

    def _told(self) -> None:
        assert self._place is not None
        _ONE.pack_into(self._shared, _ONE.size * self._place, self._here + self._coming)

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

    async def close(self) -> None:
        """Nobody comes in any more, but for those who have knocked already: closing the socket
        would throw them out."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self.listening)
        for _ in range(_QUEUE):
            try:
                self._accept()
            except ConnectionAbortedError:
                continue
            except OSError:
                # That was all, or the system has no room for another.
                break
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _knocked(self) -> None:
        for _ in range(_TOGETHER if self._counts is None else self._counts.at_once()):
            if self._counts is not None and not self._has_left and self._counts.has_more():
                self._has_left = True
                self._pause(_LEAVE)
                return
            self._has_left = False
            try:
                self._accept()
            except (BlockingIOError, ConnectionAbortedError):
                # That was all, somebody else was quicker, or it has gone again.
                return
            except OSError:
                self._pause(_AGAIN)
                return

    def _accept(self) -> None:
        one, _ = self.listening.accept()
        self._heard()
        one.setblocking(False)
        if self._counts is not None:
            self._counts.expect()
        task = self._loop.create_task(self._let_in(one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_in(self, one: socket.socket) -> None:
        is_here = self._counts is None

        def protocol() -> asyncio.Protocol:
            nonlocal is_here
            if self._counts is not None:
                self._counts.arrive()
            is_here = True
            return self._protocol()

        try:
            await self._loop.connect_accepted_socket(protocol, one)
        except OSError:
            one.close()
        finally:
            if self._counts is not None and not is_here:
                self._counts.arrive(lost=True)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self.listening)
        self._again = self._loop.call_later(seconds, self.open)
