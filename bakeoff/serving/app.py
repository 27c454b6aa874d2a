"""The routes of a service, put together."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Router
from starlette.types import ASGIApp

from bakeoff.serving.asking import Asking
from bakeoff.serving.front import Front
from bakeoff.serving.logs import Log
from bakeoff.serving.routes import (
    docs,
    explain,
    feedback,
    health,
    pages,
    predict,
    protocol,
    sagemaker,
)
from bakeoff.serving.service import Service

__all__ = ["ROUTES", "app"]

ROUTES = (
    "predict",
    "infer",
    "invocations",
    "explain",
    "feedback",
    "protocol",
    "docs",
    "health",
    "metrics",
    "pages",
)
"""Names that requests are counted under."""


def app(service: Service, log: Log) -> ASGIApp:
    """What the server runs."""
    asking = Asking(service)
    # A router alone: what goes wrong is answered by the front, and not by pages of Starlette's.
    kinds = (predict, health, explain, feedback, protocol, sagemaker, docs, pages)
    router = Router(
        [route for kind in kinds for route in kind.routes(asking)], redirect_slashes=False
    )
    front = Front(router, service, log)
    origins = service.settings.cors
    if not origins:
        return front
    return CORSMiddleware(
        front,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "x-api-key", "x-deadline-ms"],
        expose_headers=["retry-after", "x-request-id"],
    )
