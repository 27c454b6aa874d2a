"""API keys: who may ask, and how much.

The file holds digests, never keys: whoever reads it cannot ask. A key has 32 random bytes, so a
plain SHA-256 of it cannot be reversed by trying.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bakeoff.serving.problems import Problem, Refused
from bakeoff.spec.errors import DataError, UserError

__all__ = ["Keys", "Rates", "add"]

_PREFIX = "bk_"
_LOOK_EVERY = 1.0
"""Seconds between looks at whether the file has changed: a key that is taken out of it no longer
opens anything after that."""

_MANY = 10_000
"""Keys, or addresses where there are no keys, that are remembered."""

_BURST = 2.0
"""Seconds' worth of pictures that a key may ask for at once."""


def add(file: str | None, name: str) -> str:
    """Make a key called `name`, write its digest to the file, and return it: the only time it is
    seen."""
    if file is None:
        raise UserError(
            "--keys", "is needed, for the key to be added to", suggestion="Give a FILE."
        )
    path = Path(file).expanduser()
    known = _read(path) if path.exists() else {}
    if name in known.values() or not name.isprintable() or not name.strip():
        raise UserError("--new-key", "must be a name that no other key in the file has", name)
    key = _PREFIX + secrets.token_urlsafe(32)
    line = json.dumps({"name": name, "sha256": _digest(key), "made": round(time.time())})
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as out:
        out.write(line + "\n")
    return key


class Keys:
    """Those of a file, as it is now."""

    def __init__(self, file: str) -> None:
        self._path = Path(file).expanduser()
        self._known = _read(self._path)
        self._stamp = self._seen()
        self._looked = time.monotonic()

    def name(self, key: str | None) -> str:
        """Whose key it is; `Refused` where it is nobody's."""
        self._look()
        if key is None:
            raise Refused(Problem(status=401, detail=_WANTED, kind="key"))
        found = self._known.get(_digest(key))
        if found is None:
            raise Refused(Problem(status=401, detail="This key opens nothing here.", kind="key"))
        return found

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        stamp = self._seen()
        if stamp != self._stamp:
            try:
                self._known, self._stamp = _read(self._path), stamp
            except DataError:
                # Half-written: the next look finds it whole.
                return

    def _seen(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)


_WANTED = "A key is needed: send it as `Authorization: Bearer KEY`, or as `X-API-Key: KEY`."


class Rates:
    """How much each key may still ask: so many pictures a second on average, two seconds' worth at
    once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._left: dict[str, _Left] = {}

    def take(self, name: str, pictures: int) -> None:
        """Count pictures of this key; `Refused` where they are too many for now."""
        now, most = self._clock(), max(self._rate * _BURST, 1.0)
        if len(self._left) >= _MANY and name not in self._left:
            self._forget(now, most)
        left = self._left.setdefault(name, _Left(most, now))
        left.pictures = min(most, left.pictures + (now - left.since) * self._rate)
        left.since = now
        # More than fits at once is let through when all is there, and paid for afterwards.
        needed = min(pictures, most)
        if left.pictures < needed:
            wait = (needed - left.pictures) / self._rate
            detail = f"This key may ask for {self._rate:g} pictures a second."
            raise Refused(Problem(status=429, detail=detail, kind="rate", retry=wait))
        left.pictures -= pictures

    def _forget(self, now: float, most: float) -> None:
        """Those who have all of theirs again are as good as new."""
        full = [
            name
            for name, left in self._left.items()
            if left.pictures + (now - left.since) * self._rate >= most
        ]
        # Where nobody has, those go who asked first.
        for name in full or list(self._left)[: _MANY // 2]:
            del self._left[name]


@dataclass(slots=True)
class _Left:
    pictures: float
    since: float


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _read(path: Path) -> dict[str, str]:
    """Names by digests."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        way = "Make it with: bakeoff serve --keys FILE --new-key NAME"
        raise DataError(f"--keys {path}", f"cannot be read: {reason}", suggestion=way) from None
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            facts = json.loads(line)
            found[str(facts["sha256"])] = str(facts["name"])
        except (ValueError, KeyError, TypeError):
            raise DataError(
                f"--keys {path}, line {number}",
                "is not a key's: it must have a name and a sha256",
                suggestion="Make keys with: bakeoff serve --keys FILE --new-key NAME",
            ) from None
    return found
