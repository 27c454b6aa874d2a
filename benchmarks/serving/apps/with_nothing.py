"""A server that reads a request and answers as much as others do, and nothing else: what HTTP costs
by itself. Started by `uvicorn`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

_ANSWER = b'{"label": "nothing", "probability": 0.0, "more": "%s"}' % (b"x" * 540)
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_ANSWER)).encode()),
]


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Every request."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    b"".join(parts)
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _ANSWER})
