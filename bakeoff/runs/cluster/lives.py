"""What there is of one run behind a URL, while nodes make it that share no path.

An object storage neither appends nor renames nor locks; it shows an object once that is whole. So
each life of a run has a folder to itself, and nothing in it is written over:

ticket                of whoever sent it: taken away, the life is over; changed, it has to stop
events/000000000000   lines of events.jsonl, by the byte of it that they begin at
run/                  what lies in the run's directory, of a checkpoint the manifest last
over.json             how it ended, with size and digest of what is in run/; there when that is

A life that was given up for lost, and goes on all the same, harms nobody.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bakeoff.data.cache import sync, writing
from bakeoff.data.remote import AbsentError, Remote
from bakeoff.runs.cluster.errand import Brought
from bakeoff.runs.cluster.patience import patiently
from bakeoff.runs.run import Run
from bakeoff.spec.errors import CacheError, CheckpointError
from bakeoff.training import checkpoint

__all__ = [
    "CHECKPOINTS",
    "EVENTS",
    "GO",
    "MANIFEST",
    "OVER",
    "RUN",
    "SETTLED",
    "STOP",
    "TICKET",
    "Lives",
    "Over",
    "segment",
]

TICKET, EVENTS, RUN, OVER = "ticket", "events", "run", "over.json"
GO, STOP = b"go", b"stop"

SETTLED = ("recipe.json", "environment.json")
"""What is written once, when a run begins."""

CHECKPOINTS, MANIFEST = "checkpoints", "manifest.json"

_CHECKPOINT = re.compile(rf"{RUN}/{CHECKPOINTS}/(step-\d{{9}})/{re.escape(MANIFEST)}")
_LIFE = re.compile(r"\d{4}-[0-9a-f]{8}")

_TIMES = 3
"""That something is fetched which comes out as other bytes, or is taken away meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Over:
    """How a life ended."""

    brought: Brought
    files: Mapping[str, Mapping[str, Any]]
    """Size and digest of each."""

    def written(self) -> bytes:
        """As it is kept."""
        one = self.brought
        told = {
            "finished": one.finished,
            "reason": one.reason,
            "seconds": round(one.seconds, 3),
            "files": dict(self.files),
        }
        return json.dumps(told, indent=1).encode()

    @classmethod
    def read(cls, content: bytes) -> Over:
        """What `written` wrote."""
        told = json.loads(content)
        reason = None if told["reason"] is None else (told["reason"][0], told["reason"][1])
        brought = Brought(finished=told["finished"], reason=reason, seconds=told["seconds"])
        return cls(brought=brought, files=told["files"])


def segment(start: int) -> str:
    """What lines of events are called that begin at this byte."""
    return f"{EVENTS}/{start:012d}"


class Lives:
    """Of one run."""

    def __init__(self, place: Remote) -> None:
        self.place = place

    def life(self, name: str) -> Remote:
        """The folder of one."""
        return self.place.below(name)

    def found(self) -> dict[str, list[str]]:
        """What there is of each, newest first."""
        lives = dict[str, list[str]]()
        for path in patiently(self.place.names):
            name, _, rest = path.partition("/")
            if _LIFE.fullmatch(name):
                lives.setdefault(name, []).append(rest)
        return dict(sorted(lives.items(), reverse=True))

    def next(self) -> str:
        """What another one is called, after all there are. No two are called the same, whoever
        sends them."""
        newest = next(iter(self.found()), "0000-")
        return f"{int(newest[:4]) + 1:04d}-{uuid.uuid4().hex[:8]}"

    def newest_step(self) -> str:
        """The checkpoint that another life would go on from, or nothing."""
        return next((max(steps) for one in self.found().values() if (steps := _steps(one))), "")

    def over(self) -> str | None:
        """The newest that ended, if any did."""
        return next((name for name, files in self.found().items() if OVER in files), None)

    def take_tickets(self) -> None:
        """Have those that may still go on end."""
        for name, files in self.found().items():
            if TICKET in files:
                self.take_ticket(name)

    def take_ticket(self, name: str) -> None:
        """Have one end that was given up for lost."""
        patiently(lambda: self.life(name).remove(TICKET))

    def remove(self) -> None:
        """All of them."""
        patiently(self.place.remove)

    def bring_newest(self, before: str, into: Path) -> str:
        """The newest state of the run from which a life can go on that comes after all `before`
        it, put into the directory; which life that was, or nothing."""
        for _ in range(_TIMES):
            missed = False
            for name, files in self.found().items():
                if name >= before:
                    continue
                for step in sorted(_steps(files), reverse=True):
                    try:
                        if self._bring(name, files, step, into):
                            return name
                    except AbsentError:
                        # It goes on, and has left another one meanwhile.
                        missed = True
                    shutil.rmtree(into, ignore_errors=True)
            if not missed:
                break
        return ""

    def bring_home(self, name: str, path: Path) -> Over:
        """How a life ended; and all that it left, in the place of the run's directory."""
        life = self.life(name)
        over = Over.read(patiently(lambda: life.read(OVER)))
        made = path.with_name(f".{path.name}.coming")
        shutil.rmtree(made, ignore_errors=True)
        try:
            for file, facts in over.files.items():
                _write(made / _inside(file), _verified(life, file, facts))
            with writing("the run", made):
                made.mkdir(parents=True, exist_ok=True)
                sync(made)
                shutil.rmtree(path, ignore_errors=True)
                made.rename(path)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return over

    def _bring(self, name: str, files: list[str], step: str, into: Path) -> bool:
        """Whether a checkpoint opens that a life left; what lies beside it is brought as well."""
        life, run = self.life(name), Run(path=into)
        start = f"{RUN}/{CHECKPOINTS}/{step}/"
        for file in files:
            if file.startswith(start):
                content = patiently(lambda file=file: life.read(file))  # type: ignore[misc]
                _write(into / _inside(file.removeprefix(f"{RUN}/")), content)
        try:
            checkpoint.load(run.checkpoints / step)
        except CheckpointError:
            return False
        for settled in SETTLED:
            _write(into / settled, patiently(lambda one=settled: life.read(f"{RUN}/{one}")))  # type: ignore[misc]
        _write(into / "events.jsonl", _events(life))
        return True


def _steps(files: list[str]) -> list[str]:
    """Checkpoints that are there whole."""
    return [found[1] for file in files if (found := _CHECKPOINT.fullmatch(file))]


def _events(life: Remote) -> bytes:
    """All lines so far."""
    read = b""
    while True:
        start = len(read)
        try:
            read += patiently(lambda start=start: life.read(segment(start)))  # type: ignore[misc]
        except AbsentError:
            return read


def _verified(life: Remote, file: str, facts: Mapping[str, Any]) -> bytes:
    for _ in range(_TIMES):
        content = patiently(lambda: life.read(f"{RUN}/{file}"))
        digest = hashlib.sha256(content).hexdigest()
        if (len(content), digest) == (facts["bytes"], facts["sha256"]):
            return content
    raise CacheError(
        life.shown(f"{RUN}/{file}"),
        "has other bytes than the node wrote",
        suggestion="Look at the storage; remove that life, and it is made again with --resume.",
    )


def _inside(file: str) -> PurePosixPath:
    """A name from there, which must lead nowhere else here."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        raise CacheError(file, "is no file of a run", suggestion="Look at who writes at --via.")
    return path


def _write(path: Path, content: bytes) -> None:
    with writing("the run", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
