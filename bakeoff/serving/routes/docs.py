"""GET /openapi.json and GET /docs: what there is, for programs and for people."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bakeoff.serving import shelf
from bakeoff.serving.asking import Asking
from bakeoff.serving.manual import chapters
from bakeoff.serving.openapi import described

__all__ = ["routes"]

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
"""What may stand in a line that people paste into a shell."""


def routes(asking: Asking) -> list[BaseRoute]:
    """Those of this module."""
    service = asking.service

    def facts() -> dict[str, Any]:
        champion = service.live.current.champion
        return described(service.settings, model=service.model, classes=champion.classes)

    async def openapi(request: Request) -> Response:
        request.state.route = "docs"
        body = json.dumps(facts(), ensure_ascii=False).encode()
        headers = {"cache-control": "no-cache"}
        return Response(body, headers=headers, media_type="application/json")

    async def docs(request: Request) -> Response:
        request.state.route = "docs"
        served, api = service.live.current, facts()
        at = _address(request, service.settings.host)
        return shelf.page(
            "docs.html",
            api=api,
            chapters=chapters(api, at=at),
            at=at,
            keys=service.settings.keys is not None,
            name=served.champion.name,
            digest=served.champion.digest,
            served=served.version,
            engine=served.champion.engine.name,
        )

    return [Route("/openapi.json", openapi), Route("/docs", docs)]


def _address(request: Request, host: str) -> str:
    """Of this service, as whoever asks knows it."""
    said = request.headers.get("host", "")
    scheme = "https" if request.url.scheme == "https" else "http"
    return f"{scheme}://{said if _HOST.fullmatch(said) else host}"
