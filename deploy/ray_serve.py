"""A champion as a deployment of Ray Serve, for those whose services run there:

    pip install 'bakeoff[serve]' 'ray[serve]'
    serve run deploy.ray_serve:app champion=bakeoffs/A replicas=4
    curl --data-binary @cat.jpg http://127.0.0.1:8000/

`bakeoff serve` does more: it turns away what it cannot answer in time, keeps a journal, watches for
drift and swaps champions under traffic.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from ray import serve
from ray.serve import Application
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import bakeoff
from bakeoff.serving.problems import Problem, told

__all__ = ["Served", "app"]

MOST = 10_000_000
"""Bytes of a picture."""


class Served:
    """One replica, on one processor."""

    def __init__(self, champion: str) -> None:
        # Verified and replayed on its goldens: where it answers otherwise than was measured, no
        # replica starts, and Ray keeps those there are.
        self._champion = bakeoff.open(champion, threads=1)

    async def __call__(self, request: Request) -> Response:
        """The answer for the picture in the body."""
        picture = await request.body()
        if len(picture) > MOST:
            detail = f"A picture may have {MOST} bytes, and this one has {len(picture)}."
            return _problem(Problem(status=413, detail=detail, kind="body"))
        try:
            said = await asyncio.to_thread(self._champion.predict, picture)
        except bakeoff.UserError as error:
            return _problem(told(error, kind="picture"))
        return JSONResponse(asdict(said))


# While one picture is computed the next is read. So many more may wait; the others get a 503.
_DEPLOYMENT = serve.deployment(
    max_ongoing_requests=2, max_queued_requests=64, ray_actor_options={"num_cpus": 1}
)(Served)


def app(arguments: dict[str, str]) -> Application:
    """What `serve run` makes of `champion=PATH replicas=N`."""
    replicas = int(arguments.get("replicas", "1"))
    return _DEPLOYMENT.options(num_replicas=replicas).bind(arguments.get("champion", "boxed"))


def _problem(problem: Problem) -> Response:
    return Response(problem.body(), problem.status, dict(problem.headers()))
