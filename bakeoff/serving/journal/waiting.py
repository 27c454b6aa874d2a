"""What waits to be written: bounded by number and by bytes, from any thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock

from bakeoff.serving.journal.entry import Drift, Entry

__all__ = ["Item", "Waiting"]

_ROW = 1000
"""Bytes that an entry is taken to need in memory, all in all."""


@dataclass(slots=True)
class Item:
    """An entry, with the picture's bytes where they are to be kept."""

    row: Entry | Drift
    picture: bytes | None

    @property
    def size(self) -> int:
        """In memory, about."""
        return _ROW + (0 if self.picture is None else len(self.picture))


class Waiting:
    """A queue that refuses what is too much. What was taken out counts until it is settled."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._items: deque[Item] = deque()
        self.held = 0
        self.held_bytes = 0
        self.accepted = 0
        self.settled = 0
        self.dropped = 0

    def put(self, item: Item) -> bool:
        """Take it in, or count it as dropped."""
        size = item.size
        with self._lock:
            if self.held >= self._most or self.held_bytes + size > self._most_bytes:
                self.dropped += 1
                return False
            self._items.append(item)
            self.held += 1
            self.held_bytes += size
            self.accepted += 1
            return True

    def take(self, most: int) -> list[Item]:
        """The oldest ones."""
        with self._lock:
            return [self._items.popleft() for _ in range(min(most, len(self._items)))]

    def settle(self, items: list[Item], *, dropped: int = 0) -> None:
        """These are written, but for those that are dropped: there is room for others."""
        with self._lock:
            self.held -= len(items)
            self.held_bytes -= sum(item.size for item in items)
            self.settled += len(items)
            self.dropped += dropped
