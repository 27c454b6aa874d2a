"""How slow work says how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Told now and then how far one piece of work is.

    `task` names the work in a few words ("decoding"); the first call for a task has `done` 0, the
    last has `done` equal to `total`. `total` is None while it is unknown. `unit` is what is
    counted: "pictures" or "bytes".
    """

    def __call__(self, task: str, done: int, total: int | None, unit: str = "pictures") -> None: ...


def silent(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
    """Tells nobody."""
