"""What every request goes through first and last: an id, headers, problems, the log, the counts."""

from __future__ import annotations

import asyncio
import re
import time
import traceback
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bakeoff.serving import identity
from bakeoff.serving.admission import Full
from bakeoff.serving.logs import Log
from bakeoff.serving.problems import PAUSE, Problem, Refused, no_room
from bakeoff.serving.service import Service

__all__ = ["Front"]

_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", _POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
]
_GONE = 499
"""What is logged and counted where the client hung up first; it never sees it."""

State = MutableMapping[str, Any]


class Front:
    """The service as the server sees it."""

    def __init__(self, inner: ASGIApp, service: Service, log: Log) -> None:
        self._inner = inner
        self._service = service
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        request = identity.new()
        state: State = scope.setdefault("state", {})
        # There is no application around the routes; without one they would answer in plain text.
        scope["app"] = self
        state.update(id=request, route="other")
        answer = _Answer(self._service, send, request, _theirs(scope))
        # Clients of that protocol look for what is wrong under a name of its own.
        answer.is_protocol = scope["path"].startswith("/v2/")
        try:
            await self._inner(scope, receive, answer.send)
        except Refused as refused:
            await answer.refuse(refused.problem)
            self._count(refused.problem)
        except Full as full:
            await asyncio.sleep(PAUSE)
            await answer.refuse(no_room(full.retry_after))
            self._service.recording.metrics.rejected(full.reason)
        except HTTPException as error:
            await answer.refuse(_unrouted(error))
        except ClientDisconnect:
            answer.status = _GONE
        except asyncio.CancelledError:
            answer.status = answer.status or _GONE
            raise
        except Exception as error:
            await self._failed(error, answer)
        finally:
            seconds = time.perf_counter() - began
            self._service.recording.metrics.request(state["route"], answer.status, seconds)
            self._told(scope, state, answer, seconds)

    def _count(self, problem: Problem) -> None:
        if problem.status in (401, 413, 429):
            self._service.recording.metrics.rejected(problem.kind or str(problem.status))

    async def _failed(self, error: Exception, answer: _Answer) -> None:
        trace = "".join(traceback.format_exception(error))
        self._log.write("failure", level="error", id=answer.request, trace=trace)
        await answer.refuse(Problem(status=500, detail="This is our mistake; it was logged."))

    def _told(self, scope: Scope, state: State, answer: _Answer, seconds: float) -> None:
        path, status = scope["path"], answer.status
        if status < 400 and path in _QUIET:
            return
        self._log.write(
            "request",
            id=answer.request,
            their_id=answer.theirs,
            method=scope["method"],
            path=path[:200],
            status=status,
            ms=round(1000 * seconds, 2),
            client=scope["client"][0] if scope.get("client") else None,
            **state.get("told", {}),
        )


_QUIET = {
    "/livez",
    "/readyz",
    "/healthz",
    "/metrics",
    "/ping",
    "/v2/health/live",
    "/v2/health/ready",
}
"""Asked every few seconds by machines; a line is written only where they fail."""


class _Answer:
    """One response on its way out."""

    def __init__(self, service: Service, send: Send, request: str, theirs: str | None) -> None:
        self.request = request
        self.theirs = theirs
        """The id that the client gave, which is given back."""

        self.is_protocol = False
        self.status = 0
        self._service = service
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message["headers"])
            there = {name for name, _ in headers}
            headers += [one for one in _HEADERS if one[0] not in there]
            headers.append((b"x-request-id", (self.theirs or self.request).encode()))
            if self._service.draining:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        """Answer with a problem, unless an answer has begun."""
        if self.status:
            return
        if self.is_protocol:
            problem = replace(problem, more={**problem.more, "error": problem.detail})
        body = problem.body(self.request)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in problem.headers()]
        headers.append((b"content-length", str(len(body)).encode()))
        await self.send(
            {"type": "http.response.start", "status": problem.status, "headers": headers}
        )
        await self.send({"type": "http.response.body", "body": body})


def _unrouted(error: HTTPException) -> Problem:
    allowed = dict(error.headers or {}).get("Allow", "")
    detail = {
        404: "There is nothing at this address; /docs lists what there is.",
        405: f"This address takes {allowed}.",
    }.get(error.status_code, str(error.detail))
    allow = tuple(allowed.split(", ")) if allowed else ()
    return Problem(status=error.status_code, detail=detail, allow=allow)


def _theirs(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value.decode())
    return None
