"""What happened in a bake-off, a line each: what an interrupted one goes on from."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.data.cache import writing

__all__ = ["DEATHS", "Ended", "Journal", "Past"]

DEATHS = 2
"""Times that the whole process may die in a run before the run is given up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How one run ended."""

    status: str
    reason: str | None
    seconds: float


@dataclass(kw_only=True)
class Past:
    """What earlier lives of a bake-off got to."""

    spent: float = 0.0
    """Seconds of its time, all lives together."""

    ended: dict[str, Ended] = field(default_factory=dict)
    deaths: dict[str, int] = field(default_factory=dict)
    """How often a life ended in the middle of a run without a word, since the run got further."""

    places: dict[str, str] = field(default_factory=dict)
    """The checkpoint from which a run last began."""

    shares: dict[str, float | None] = field(default_factory=dict)
    """Seconds that runs which began were given."""

    late: int | None = None
    """The first seed that there was no time left for."""

    stopped: dict[str, str] = field(default_factory=dict)
    """Contenders that were stopped early, and why."""

    costs: dict[str, dict[str, Any]] = field(default_factory=dict)
    looks: dict[str, float] = field(default_factory=dict)
    """Seconds that a contender takes to predict the part that is measured, about."""


class Journal:
    """A file that is only added to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self, kind: str, **facts: Any) -> None:
        """Add a line, and have it on disk before going on."""
        told = {"event": kind, "time": round(time.time(), 3), **facts}
        line = json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n"
        with writing("the journal", self.path), self.path.open("ab+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                # What a crash cut off must not swallow this line.
                line = line if file.read(1) == b"\n" else "\n" + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def past(self) -> Past:
        """What the lines so far add up to."""
        past, before, running = Past(), 0.0, ""
        for event in self._events():
            kind, run = event["event"], event.get("run", "")
            if kind == "life":
                # A run that was going on when the life before ended, unless it was put aside.
                past.deaths[running] = past.deaths.get(running, 0) + 1
                before, running = past.spent, ""
            past.spent = max(past.spent, before + event.get("spent", 0.0))
            if kind == "began":
                running = run
                past.shares[run] = event["share"]
                if past.places.get(run) != event["place"]:
                    past.deaths.pop(run, None)
                past.places[run] = event["place"]
            elif kind == "ended":
                running = ""
                past.ended[run] = Ended(
                    status=event["status"], reason=event["reason"], seconds=event["seconds"]
                )
            elif kind == "aside":
                running = ""
            elif kind == "stopped":
                past.stopped[event["contender"]] = event["reason"]
            elif kind == "late":
                past.late = event["seed"]
            elif kind == "cost":
                past.costs[event["contender"]] = event["cost"]
                past.looks[event["contender"]] = event["look"]
        if running:
            past.deaths[running] = past.deaths.get(running, 0) + 1
        past.deaths.pop("", None)
        return past

    def _events(self) -> list[dict[str, Any]]:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                # Cut off by a crash.
                continue
        return found
