"""An object storage that is this process: it neither appends nor renames nor opens, shows an object
once it is whole, and refuses now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

fsspec = pytest.importorskip("fsspec")
_Any: Any = fsspec.AbstractFileSystem

__all__ = ["SHELF", "Shelf", "impatient", "shelf"]

SHELF = "shelf://bucket/runs"


class Shelf(_Any):  # type: ignore[misc]
    """What is on it is the same for all who look."""

    protocol = "shelf"
    held: ClassVar[dict[str, bytes]] = {}
    calls: ClassVar[int] = 0
    every: ClassVar[int] = 0
    """Each of so many calls fails; none, if 0."""

    watch: ClassVar[Callable[[str, str], None]]
    """Told what is done with which object, before that."""

    @classmethod
    def names(cls, *below: str) -> list[str]:
        """What is there, below the URL of the tests."""
        start = "/".join(["bucket/runs", *below])
        return sorted(one.removeprefix("bucket/runs/") for one in cls.held if one.startswith(start))

    def pipe_file(self, path: str, value: bytes, **how: Any) -> None:
        with self._asked("put", path):
            before = self.held.get(path)
            # Tickets are changed. Nothing else is written over, so that nobody reads a mixture.
            assert before in (None, value) or path.endswith("/ticket"), path
            self.held[path] = bytes(value)

    def cat_file(self, path: str, start: Any = None, end: Any = None, **how: Any) -> bytes:
        with self._asked("get", path):
            if path not in self.held:
                raise FileNotFoundError(path)
            return self.held[path]

    def find(self, path: str, *about: Any, **how: Any) -> dict[str, Any]:
        with self._asked("list", path):
            there = [one for one in self.held if one.startswith(f"{path}/")]
            return {one: {"name": one, "size": len(self.held[one])} for one in sorted(there)}

    def rm(self, path: str, recursive: bool = False, maxdepth: Any = None) -> None:
        with self._asked("remove", path):
            gone = [one for one in self.held if one == path or one.startswith(f"{path}/")]
            if not gone:
                raise FileNotFoundError(path)
            for one in gone:
                del self.held[one]

    def _open(self, *about: Any, **how: Any) -> Any:
        raise NotImplementedError("an object is put and got whole")

    def mv(self, *about: Any, **how: Any) -> Any:
        raise NotImplementedError("an object has one name")

    @contextmanager
    def _asked(self, what: str, path: str) -> Iterator[None]:
        kind = type(self)
        kind.watch(what, path)
        kind.calls += 1
        fails = kind.every and kind.calls % kind.every == 0
        early = fails and kind.calls // kind.every % 2 == 0
        if early:
            raise OSError("503 Slow Down")
        yield
        if fails:
            # It was done, and only the answer was lost.
            raise OSError("connection reset by peer")


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits: neither for the next look, nor to try again."""
    for name in ("afar._OFTEN", "afar._SELDOM", "homing._OFTEN"):
        monkeypatch.setattr(f"bakeoff.runs.cluster.{name}", 0.001)
    monkeypatch.setattr("bakeoff.runs.cluster.patience.LIMIT", 10.0)
    monkeypatch.setattr("bakeoff.runs.cluster.patience._FIRST", 0.0)
    monkeypatch.setattr("bakeoff.runs.cluster.patience._LONGEST", 0.0)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> type[Shelf]:
    """An empty one, for who does not wait."""
    fsspec.register_implementation("shelf", Shelf, clobber=True)
    monkeypatch.setattr(Shelf, "held", {})
    monkeypatch.setattr(Shelf, "calls", 0)
    monkeypatch.setattr(Shelf, "every", 0)
    monkeypatch.setattr(Shelf, "watch", lambda what, path: None, raising=False)
    impatient(monkeypatch)
    return Shelf
