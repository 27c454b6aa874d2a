"""What is written down: one entry a picture, what people say to it, how far pictures drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Drift", "Entry", "Feedback", "Outcome", "Role"]

Role = Literal["live", "canary", "shadow"]

Outcome = Literal["kept", "unknown", "unavailable"]
"""Of feedback: it is in the database; no such answer is; the database cannot say just now."""


@dataclass(kw_only=True, slots=True)
class Entry:
    """One picture and the answer to it.

    Not frozen, as making a frozen one takes three times as long, on the way of every request.
    """

    id: str
    """Of the request, given by the service: two requests never share one."""

    picture: int
    """Its place in the request, from 0."""

    at: datetime
    """With a time zone."""

    model: str
    """Digest of the champion."""

    route: str
    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    unknown: bool | None
    strangeness: float | None
    width: int
    height: int
    size: int
    """Of the file, in bytes."""

    sha256: str
    """Of the file's bytes."""

    key: str | None
    """Name of the key it was asked with."""

    decode_ms: float
    queue_ms: float
    infer_ms: float
    role: Role = "live"


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """What somebody says of an answer. A later one on the same picture replaces it."""

    id: str
    picture: int
    at: datetime
    correct: bool
    label: str | None
    """The right class, if it was named."""

    key: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """One figure of one window of answers."""

    at: datetime
    model: str
    figure: str
    n: int
    value: float | None
    verdict: str
