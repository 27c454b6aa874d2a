"""Sending requests away in a flood, with as little work as can be: before any of them is a request.

What is told is what others are told who find no room, only sooner; one line in the log tells of all
of a second.
"""

from __future__ import annotations

import time

from bakeoff.serving import identity
from bakeoff.serving.logs import Log
from bakeoff.serving.problems import no_room
from bakeoff.serving.service import Service

__all__ = ["Shedding"]

_COSTLY = {b"/predict", b"/invocations"}
"""What takes a lane, and is asked for in floods."""


class Shedding:
    """Knows whether one more has to go, and what it is told."""

    def __init__(self, service: Service, log: Log) -> None:
        self._service = service
        self._log = log
        self._count = 0
        self._told_at = 0.0

    def __call__(self, url: bytes) -> bytes | None:
        """The whole answer to a request for `url`, if it has to go."""
        if url.partition(b"?")[0] not in _COSTLY or self._service.draining:
            return None
        full = self._service.admission.refusal()
        if full is None:
            return None
        self._service.recording.metrics.rejected(full.reason)
        self._note()
        request = identity.new()
        problem = no_room(full.retry_after)
        body = problem.body(request)
        head = "".join(f"{name}: {value}\r\n" for name, value in problem.headers())
        return (
            f"HTTP/1.1 503 Service Unavailable\r\n{head}x-request-id: {request}\r\n"
            f"x-content-type-options: nosniff\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode("latin-1") + body

    def _note(self) -> None:
        self._count += 1
        now = time.monotonic()
        if now - self._told_at > 1:
            self._log.write("flood", level="warning", sent_away=self._count)
            self._count, self._told_at = 0, now
