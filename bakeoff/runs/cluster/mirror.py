"""One life of a run, put behind a URL as it goes on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from bakeoff.data.remote import Remote
from bakeoff.runs.cluster.errand import Brought
from bakeoff.runs.cluster.lives import CHECKPOINTS, MANIFEST, OVER, RUN, SETTLED, Over, segment
from bakeoff.runs.cluster.patience import patiently
from bakeoff.runs.run import Run
from bakeoff.training import checkpoint

__all__ = ["Mirror"]


class Mirror:
    """Puts there what is new. Whatever is refused is put again the next time."""

    def __init__(self, run: Run, life: Remote, *, known: bool = True) -> None:
        self._run, self._life = run, life
        self._there = set[str]()
        """What was put there whole: that is not put again where the next was refused."""

        self._at = 0
        """Bytes of the events that are there."""

        self._lines = b""
        """Those that were refused: they may be there all the same, and are read then."""

        here = {path.name for path in checkpoint.checkpoints(run.checkpoints)}
        # What it begins from lies with an earlier life, if it was brought from there.
        self._steps = here if known else set()

    def has_news(self) -> bool:
        """Whether there is a checkpoint which is not there."""
        found = checkpoint.checkpoints(self._run.checkpoints)
        return bool(found) and found[0].name not in self._steps

    def push(self) -> None:
        """What was added since. First what a checkpoint needs, then the checkpoint, then what it
        replaces is taken away: at any moment there is one to go on from."""
        # Looked at first: its lines were written before it was.
        found = checkpoint.checkpoints(self._run.checkpoints)
        for name in SETTLED:
            path = self._run.path / name
            if path.exists():
                self._put(f"{RUN}/{name}", path)
        self._push_events()
        if found and found[0].name not in self._steps and self._push_checkpoint(found[0]):
            self._steps.add(found[0].name)
        here = {path.name for path in checkpoint.checkpoints(self._run.checkpoints)}
        for name in sorted(self._steps - here):
            self._take(name)
            self._steps.discard(name)

    def finish(self, brought: Brought) -> None:
        """All that it leaves behind, and how it ended, however often it has to be tried."""
        files = {}
        folder = self._run.path
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            name = path.relative_to(folder)
            if path.is_file() and name.parts[0] != CHECKPOINTS:
                content = path.read_bytes()
                digest = hashlib.sha256(content).hexdigest()
                files[name.as_posix()] = {"bytes": len(content), "sha256": digest}
                _write(self._life, f"{RUN}/{name.as_posix()}", content)
        over = Over(brought=replace(brought, error=None), files=files)
        _write(self._life, OVER, over.written())

    def _push_events(self) -> None:
        while lines := self._lines or self._new_lines():
            self._lines = lines
            self._life.write(segment(self._at), lines)
            self._at += len(lines)
            self._lines = b""

    def _new_lines(self) -> bytes:
        try:
            with (self._run.path / "events.jsonl").open("rb") as file:
                file.seek(self._at)
                read = file.read()
        except FileNotFoundError:
            return b""
        return read[: read.rfind(b"\n") + 1]

    def _push_checkpoint(self, path: Path) -> bool:
        """Whether it was still here to be put there."""
        try:
            for name in (*_files((path / MANIFEST).read_bytes()), MANIFEST):
                self._put(_name(path.name, name), path / name)
        except FileNotFoundError:
            return False
        return True

    def _put(self, name: str, path: Path) -> None:
        if name not in self._there:
            self._life.write(name, path.read_bytes())
            self._there.add(name)

    def _take(self, step: str) -> None:
        # Without its manifest, what is half taken away is none.
        self._life.remove(_name(step, MANIFEST))
        self._life.remove(f"{RUN}/{CHECKPOINTS}/{step}")


def _write(life: Remote, name: str, content: bytes) -> None:
    patiently(lambda: life.write(name, content))


def _files(manifest: bytes) -> list[str]:
    told: dict[str, Any] = json.loads(manifest)
    return list(told["files"])


def _name(step: str, file: str) -> str:
    return f"{RUN}/{CHECKPOINTS}/{step}/{file}"
