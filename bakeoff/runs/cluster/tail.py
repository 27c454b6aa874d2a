"""What a run says while another process makes it: the lines that its events grow by."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np

from bakeoff.runs.run import Run
from bakeoff.training.events import Evaluated, Event, Noted, Stepped

__all__ = ["Tail"]

_KINDS: dict[str, type[Stepped | Noted]] = {"steps": Stepped, "note": Noted}


class Tail:
    """Reads on from where it stopped."""

    def __init__(self, run: Run, *, skip: bool = False) -> None:
        self._path = run.path / "events.jsonl"
        self._at = self._length() if skip else 0

    def grew(self) -> bool:
        """Whether there is more than was read."""
        return self._length() > self._at

    def events(self) -> list[Event]:
        """What was said since; a line that is still being written waits for the next time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                read = file.read()
        except FileNotFoundError:
            return []
        whole = read[: read.rfind(b"\n") + 1]
        self._at += len(whole)
        found = (_event(line) for line in whole.splitlines())
        return [event for event in found if event is not None]

    def rewind(self, to: int) -> None:
        """Read on from an earlier byte: from there on the file is another one."""
        self._at = min(self._at, to)

    def _length(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0


def _event(line: bytes) -> Event | None:
    """What a line records; None where that is of another kind, or was cut off by a crash."""
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if told["event"] == "evaluated":
        return Evaluated(probabilities=np.empty((0, 0), np.float32), **_facts(told, Evaluated))
    kind = _KINDS.get(told["event"])
    return None if kind is None else kind(**_facts(told, kind))


def _facts(told: dict[str, Any], kind: type[Event]) -> dict[str, Any]:
    return {one.name: told[one.name] for one in fields(kind) if one.name in told}
