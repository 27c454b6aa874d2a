"""Trying again where a place that a URL names refuses for a while: storages have hiccups."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from bakeoff.data.remote import AbsentError
from bakeoff.spec.errors import CacheError, UserError

__all__ = ["Patience", "blamed", "patiently"]

LIMIT = 600.0
"""Seconds that a place may refuse without a break."""

_FIRST, _LONGEST = 1.0, 30.0
"""Seconds to wait before it is tried again, at first and in the end."""

T = TypeVar("T")

_AGAIN = "What is done is kept: mend that, and the same command with --out goes on."


class Patience:
    """With one place: how long it has refused already."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._pause = _FIRST
        self._until = 0.0

    def is_due(self) -> bool:
        """Whether it may be tried."""
        return time.monotonic() >= self._until

    def kept(self) -> None:
        """It did as it was asked."""
        self._since, self._pause, self._until = None, _FIRST, 0.0

    def tried(self, error: UserError) -> float:
        """It refused: seconds to wait; or an error where that goes on for too long."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= LIMIT:
            raise blamed(error, f" for {LIMIT / 60:.0f} minutes")
        pause, self._pause = self._pause, min(_LONGEST, 2 * self._pause)
        self._until = now + pause
        return pause


def patiently(do: Callable[[], T]) -> T:
    """What it comes to, however often it has to be tried; nothing is waited for to appear."""
    patience = Patience()
    while True:
        try:
            return do()
        except AbsentError:
            raise
        except UserError as error:
            time.sleep(patience.tried(error))


def blamed(error: UserError, howlong: str = "") -> CacheError:
    """The same, of the place itself: no contender is at fault, and no run."""
    return CacheError(f"--via: {error.field}", f"{error.rule}{howlong}", error.value, _AGAIN)
