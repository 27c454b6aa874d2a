"""What is wrong with a request, as a program reads it: RFC 9457."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from bakeoff.spec.errors import UserError

__all__ = ["MEDIA_TYPE", "Problem", "Refused", "told"]

MEDIA_TYPE = "application/problem+json"

PAUSE = 0.05
"""Seconds before somebody is told that there is no room. Telling takes of the processor, too: who
asks again at once, whatever it is told, is slowed down by being told late."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why there is no answer."""

    status: int
    detail: str
    """A sentence for the one who asked."""

    kind: str = ""
    """A word for programs, where the status says too little: "picture", "queue", …"""

    retry: float | None = None
    """Seconds after which it is worth asking again."""

    allow: tuple[str, ...] = ()
    """Methods that are allowed, where the one that came is not."""

    more: dict[str, Any] = field(default_factory=dict)
    """Further members."""

    def to_json(self, request: str | None = None) -> dict[str, Any]:
        """Its members; `request` is the id of the one who asked."""
        told: dict[str, Any] = {
            "type": f"urn:bakeoff:problem:{self.kind}" if self.kind else "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        if request is not None:
            told["instance"] = f"urn:bakeoff:request:{request}"
        if self.retry is not None:
            told["retry_after"] = round(self.retry, 3)
        return told

    def body(self, request: str | None = None) -> bytes:
        """As it is sent."""
        return json.dumps(self.to_json(request), ensure_ascii=False).encode("utf-8", "replace")

    def headers(self) -> list[tuple[str, str]]:
        """Those that go with it."""
        headers = [("content-type", MEDIA_TYPE), ("cache-control", "no-store")]
        if self.retry is not None:
            # In whole seconds, and never less than it takes.
            headers.append(("retry-after", str(max(1, -int(-self.retry // 1)))))
        if self.allow:
            headers.append(("allow", ", ".join(self.allow)))
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers.append(("www-authenticate", 'Bearer realm="bakeoff"'))
        return headers


class Refused(Exception):  # noqa: N818 - an answer, not a failure of ours
    """Ends a request with a problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail)


def no_room(seconds: float) -> Problem:
    """There will be some in so many seconds."""
    detail = "More is asked than can be answered just now."
    return Problem(status=503, detail=detail, kind="full", retry=seconds)


def told(error: UserError, *, status: int = 422, kind: str = "") -> Problem:
    """A user's error as a problem: the same sentence."""
    return Problem(status=status, detail=str(error), kind=kind)
