"""Runs that are made where this process sees no path: sent with a URL, followed, brought home."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.data.cache import writing
from bakeoff.data.remote import AbsentError
from bakeoff.runs.cluster.afar import Sent
from bakeoff.runs.cluster.errand import Brought, Errand
from bakeoff.runs.cluster.lives import GO, OVER, STOP, TICKET, Lives, segment
from bakeoff.runs.cluster.mirror import Mirror
from bakeoff.runs.cluster.patience import Patience, patiently
from bakeoff.runs.cluster.via import Via
from bakeoff.runs.folder import Folder
from bakeoff.runs.run import Run
from bakeoff.spec.errors import CacheError, SpecError, UserError

__all__ = ["Absent", "Homing", "kept_at", "remembered"]

MEMORY = "via.json"
"""In the bake-off's directory: where its runs are, and how those ended that came home."""

_OFTEN = 2.0
"""Seconds between two looks at what a run says."""


@dataclass(frozen=True, kw_only=True)
class Homing:
    """Where the runs of one bake-off are kept."""

    via: Via
    folder: Folder

    def remember(self, name: str = "", brought: Brought | None = None) -> None:
        """Have on disk where runs are, and how one ended."""
        told = _memory(self.folder.path)
        over: dict[str, Any] = told.get("over", {})
        if brought is not None:
            over[name] = {
                "finished": brought.finished,
                "reason": brought.reason,
                "seconds": round(brought.seconds, 3),
            }
        told = {"via": self.via.shown, "secret": self.via.is_secret, "over": over}
        self.folder.write(MEMORY, told)

    def recalled(self, name: str) -> Brought | None:
        """How a run ended that came home."""
        told = _memory(self.folder.path).get("over", {}).get(name)
        if told is None:
            return None
        reason = None if told["reason"] is None else (told["reason"][0], told["reason"][1])
        return Brought(finished=told["finished"], reason=reason, seconds=told["seconds"])

    def absent(self, errand: Errand) -> Absent:
        """One of them."""
        return Absent(self, errand, f"{self.folder.record().token}/{errand.name}")


class Absent:
    """One run, as far as it is seen from here."""

    def __init__(self, homing: Homing, errand: Errand, path: str) -> None:
        self._homing, self._path = homing, path
        self._run, self._name = Run(path=errand.path), errand.name
        self._lives = Lives(homing.via.place().below(path))
        self._life = ""
        self._at = 0
        """Bytes of what the life said that are here."""

        self._patience, self._looked = Patience(), 0.0

    def before(self) -> Brought | None:
        """How it ended, if it did while nobody looked. If not, what there is of it here is put
        there, should it have been made here so far."""
        brought = self._homing.recalled(self._name)
        if brought is not None and (self._run.is_sealed or not brought.finished):
            self._lives.remove()
            return brought
        over = self._lives.over()
        if over is not None:
            return self._home(over)
        if self._run.is_sealed:
            return Brought(finished=True)
        if self._run.has_begun and not self._lives.found():
            life = self._lives.life(self._lives.next())
            patiently(Mirror(Run(path=self._run.path), life, known=False).push)
        return None

    def send(self) -> Sent:
        """Another life, and the only one from now on."""
        # What it was given is what it keeps, whatever is seen of it here.
        with writing("the run", self._run.path):
            self._run.path.mkdir(parents=True, exist_ok=True)
        self._lives.take_tickets()
        self._life, self._at, self._looked = self._lives.next(), 0, 0.0
        patiently(lambda: self._lives.life(self._life).write(TICKET, GO))
        return Sent(via=self._homing.via, run=self._path, life=self._life)

    def resumed(self) -> bool:
        """Whether there is something to go on from."""
        return bool(self.place())

    def place(self) -> str:
        """The checkpoint to go on from."""
        return self._lives.newest_step()

    def lost(self) -> None:
        """Its node is gone, or does as if: it has to end."""
        self._lives.take_ticket(self._life)

    def halt(self) -> None:
        """Ask it to leave a checkpoint and stop; who asks does not wait for a storage."""
        with suppress(UserError):
            self._lives.life(self._life).write(TICKET, STOP)

    def follow(self) -> int | None:
        """Bring here what it has said since. The byte of it from which on it is another one than
        was here, if it is."""
        now = time.monotonic()
        if now - self._looked < _OFTEN or not self._patience.is_due():
            return None
        self._looked, changed = now, None
        try:
            while True:
                piece = self._lives.life(self._life).read(segment(self._at))
                changed = self._add(piece) if self._at == 0 else self._append(piece, changed)
                self._at += len(piece)
        except AbsentError:
            self._patience.kept()
        except UserError as error:
            self._patience.tried(error)
        return changed

    def home(self, brought: Brought) -> Brought:
        """How it ended; what it left is here, and gone from there."""
        if brought.finished or brought.reason is not None:
            try:
                return self._home(self._life)
            except AbsentError as error:
                if brought.finished:
                    raise CacheError(
                        f"--via {self._homing.via.shown}",
                        f"lost what was made of the run {self._name}: {OVER} is not there",
                        suggestion="Go on with the same command and --out: it is made again.",
                    ) from error
                # It never came to anything that could be kept.
                return self._over(brought)
        return brought

    def _home(self, life: str) -> Brought:
        return self._over(self._lives.bring_home(life, self._run.path).brought)

    def _over(self, brought: Brought) -> Brought:
        self._homing.remember(self._name, brought)
        self._lives.remove()
        return brought

    def _add(self, piece: bytes) -> int:
        """The first that a life says, which may have been here already, or may not be what was."""
        path = self._run.path / "events.jsonl"
        with writing("the events", self._run.path):
            before = path.read_bytes() if path.exists() else b""
            path.write_bytes(piece)
        same = 0
        for mine, yours in zip(before.splitlines(True), piece.splitlines(True), strict=False):
            if mine != yours:
                break
            same += len(mine)
        return same

    def _append(self, piece: bytes, changed: int | None) -> int | None:
        path = self._run.path
        with writing("the events", path), (path / "events.jsonl").open("ab") as file:
            file.write(piece)
        return changed


def kept_at(out: Path) -> str:
    """Where runs of the bake-off in `out` are kept, as it is shown; nothing where that is here."""
    return str(_memory(out).get("via", ""))


def remembered(out: Path | None, via: str | None) -> Via | None:
    """Where runs of the bake-off in `out` are kept, or will be: what was given, or what it began
    with."""
    given = None if via is None else Via(via)
    before = {} if out is None else _memory(out)
    if not before:
        return given
    if given is None and before["secret"]:
        rule = "must be given again, as what may be a secret in it is kept nowhere"
        raise SpecError("--via", rule, suggestion=f"It was {before['via']}, without that.")
    if given is not None and given.shown != before["via"]:
        rule = f"must be where runs of {out} are kept already, {before['via']}"
        raise SpecError("--via", rule, given.shown, "Give that one, or another --out.")
    return given or Via(before["via"])


def _memory(out: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((out / MEMORY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found
