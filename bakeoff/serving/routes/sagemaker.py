"""What Amazon SageMaker asks of a container: GET /ping and POST /invocations."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bakeoff.serving.asking import Asking
from bakeoff.serving.routes.predict import predicted

__all__ = ["routes"]


def routes(asking: Asking) -> list[BaseRoute]:
    """Those of this module."""

    async def ping(request: Request) -> Response:
        request.state.route = "health"
        is_ready = not asking.service.draining
        body = json.dumps({"ready": is_ready}).encode()
        headers = {"cache-control": "no-store"}
        return Response(body, 200 if is_ready else 503, headers, media_type="application/json")

    async def invocations(request: Request) -> Response:
        request.state.route = "invocations"
        return await predicted(asking, request, "invocations")

    return [Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])]
