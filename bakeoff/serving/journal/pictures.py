"""Pictures that are kept, by their digest, in a folder that is bounded in bytes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["Pictures"]

_DIGEST = re.compile("[0-9a-f]{64}")
_LOOK_EVERY = 1 / 20
"""Of the bound: after so many bytes more the folder is looked through again, as others may write
there too."""

_DOWN_TO = 0.9
_LEFT_BEHIND = 600.0
"""Seconds after which a file that was not finished belongs to nobody."""


class Pictures:
    """Original bytes under `FOLDER/ab/abcd…`. The ones that were needed last stay longest."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self.folder = folder
        self._most = most_bytes
        # So that what is there already is looked at with the first picture.
        self._since_look = most_bytes
        self.lost = 0
        self.trouble: str | None = None

    def path(self, sha256: str) -> Path:
        """Where a picture lies, if it is kept."""
        return self.folder / sha256[:2] / sha256

    def keep(self, sha256: str, data: bytes) -> None:
        """Write a picture, whole or not at all. Not synced: after a power cut it may be gone."""
        if not _DIGEST.fullmatch(sha256) or len(data) > self._most:
            self.lost += 1
            return
        path = self.path(sha256)
        try:
            if path.exists():
                os.utime(path)
                self.trouble = None
                return
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._write(path, data)
            self._since_look += len(data)
            if self._since_look >= self._most * _LOOK_EVERY:
                self.tidy(None)
        except OSError as error:
            self.lost += 1
            self.trouble = f"{self.folder}: {error.strerror}"
        else:
            self.trouble = None

    def renew(self, digests: Iterable[str]) -> None:
        """Somebody spoke of these: let them be among the last to go."""
        for sha256 in digests:
            try:
                os.utime(self.path(sha256))
            except OSError:
                # Not kept, or gone.
                continue

    def tidy(self, days: float | None) -> None:
        """Remove the oldest ones beyond the bound, and those older than some days."""
        found = sorted(self._all())
        held = sum(size for _, size, _ in found)
        oldest = -1.0 if days is None else time.time() - days * 86_400
        # Between two looks the folder grows by so much.
        full = held > self._most * (1 - _LOOK_EVERY)
        for changed, size, path in found:
            if changed >= oldest and not (full and held > self._most * _DOWN_TO):
                break
            path.unlink(missing_ok=True)
            held -= size
        self._since_look = 0

    def _write(self, path: Path, data: bytes) -> None:
        made = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            opened = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(opened, "wb") as file:
                file.write(data)
            made.replace(path)
        except OSError:
            made.unlink(missing_ok=True)
            raise

    def _all(self) -> Iterator[tuple[float, int, Path]]:
        """When it was needed last, bytes and path of every picture."""
        if not self.folder.is_dir():
            return
        for below in os.scandir(self.folder):
            if not below.is_dir(follow_symlinks=False):
                continue
            for entry in os.scandir(below):
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if _DIGEST.fullmatch(entry.name):
                    yield facts.st_mtime, facts.st_size, Path(entry.path)
                elif time.time() - facts.st_mtime > _LEFT_BEHIND:
                    Path(entry.path).unlink(missing_ok=True)
