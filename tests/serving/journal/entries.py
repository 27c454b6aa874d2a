"""Entries for tests."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bakeoff.serving.journal.entry import Drift, Entry, Feedback

__all__ = ["digest", "drift", "entry", "speech", "until"]


def digest(data: bytes) -> str:
    """As entries name a picture."""
    return hashlib.sha256(data).hexdigest()


def entry(number: int | str = 0, **changes: Any) -> Entry:
    """An answer to one picture."""
    facts: dict[str, Any] = {
        "id": f"r{number}",
        "picture": 0,
        "at": datetime.now(UTC),
        "model": "sha256:abc",
        "route": "/predict",
        "label": "cat",
        "probability": 0.75,
        "top": (("cat", 0.75), ("dög", 0.25)),
        "unknown": False,
        "strangeness": 1.5,
        "width": 32,
        "height": 24,
        "size": 1000,
        "sha256": digest(str(number).encode()),
        "key": None,
        "decode_ms": 1.0,
        "queue_ms": 0.5,
        "infer_ms": 2.0,
    }
    return Entry(**{**facts, **changes})


def speech(number: int | str = 0, *, correct: bool = True, **changes: Any) -> Feedback:
    """What somebody says of that answer."""
    facts: dict[str, Any] = {"picture": 0, "at": datetime.now(UTC), "label": None, "key": None}
    return Feedback(correct=correct, **{"id": f"r{number}", **facts, **changes})


def drift(figure: str = "classes", **changes: Any) -> Drift:
    """One figure of a window."""
    facts: dict[str, Any] = {"at": datetime.now(UTC), "model": "sha256:abc", "n": 500}
    return Drift(figure=figure, **{**facts, "value": 0.3, "verdict": "strong", **changes})


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what another thread brings about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)
