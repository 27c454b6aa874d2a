"""Whether the service lives, is ready, and is well; what it counts; which version it is."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bakeoff.serving.asking import Asking
from bakeoff.serving.scraping import CONTENT_TYPE, ENVIRONMENT, exposition
from bakeoff.version import __version__

__all__ = ["routes"]


def routes(asking: Asking) -> list[BaseRoute]:
    """Those of this module."""
    own = _Health(asking)
    return [
        Route("/livez", own.live),
        Route("/readyz", own.ready),
        Route("/healthz", own.health),
        Route("/version", own.version),
        Route("/metrics", own.metrics),
    ]


class _Health:
    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._service = asking.service

    async def live(self, request: Request) -> Response:
        request.state.route = "health"
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        request.state.route = "health"
        is_ready = not self._service.draining
        return _json({"ready": is_ready}, status=200 if is_ready else 503)

    async def health(self, request: Request) -> Response:
        request.state.route = "health"
        service = self._service
        journal, admission = service.recording.journal(), service.admission
        facts = {
            "ready": not service.draining,
            "seconds": round(time.time() - service.started, 1),
            "champions": service.live.facts(),
            "plan": service.plan.reason,
            "waiting": admission.waiting,
            "held_bytes": admission.held,
            "rate": round(admission.rate, 1),
            "journal": "none" if journal is None else journal.text,
            "drift": [
                {"figure": one.name, "n": one.n, "value": one.value, "verdict": one.verdict}
                for one in service.recording.figures
            ],
        }
        return _json(facts)

    async def version(self, request: Request) -> Response:
        request.state.route = "health"
        current = self._service.live.current
        model = {
            "name": current.champion.name,
            "digest": current.champion.digest,
            "version": current.version,
        }
        return _json({"bakeoff": __version__, "model": model})

    async def metrics(self, request: Request) -> Response:
        request.state.route = "metrics"
        self._asking.who(request)
        recording = self._service.recording
        recording.look()
        folder = os.environ.get(ENVIRONMENT)
        source = Path(folder) if folder else recording.metrics.registry
        text = await asyncio.to_thread(exposition, source)
        return Response(text, media_type=CONTENT_TYPE)


def _json(facts: object, status: int = 200) -> Response:
    body = json.dumps(facts, ensure_ascii=False).encode()
    headers = {"cache-control": "no-store"}
    return Response(body, status, headers, media_type="application/json")
