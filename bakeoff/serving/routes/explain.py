"""POST /explain: where in a picture the champion found a class."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import nullcontext
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bakeoff.champion.champion import Champion
from bakeoff.champion.explaining.explain import explain as explained
from bakeoff.champion.explaining.explanation import Explanation
from bakeoff.champion.explaining.maps import Mapped
from bakeoff.champion.explaining.occlusion import BUDGET
from bakeoff.data.decode import Limits, header
from bakeoff.data.encode import encode
from bakeoff.serving.admission import Full, Ticket
from bakeoff.serving.asking import Asking
from bakeoff.serving.bodies import pictures
from bakeoff.serving.computing import LARGE, Upload, one_large
from bakeoff.serving.live import Served
from bakeoff.serving.pool import Pool
from bakeoff.serving.problems import Refused, told
from bakeoff.spec.errors import ArgumentError, PictureError

__all__ = ["routes"]

_SHOWN = 224
"""Pixels a side that an overlay has at least: some networks see stamps."""

_INSIDE = 3
"""Pictures' worth of work where the engine can look inside of the network."""


def routes(asking: Asking) -> list[BaseRoute]:
    """Those of this module."""
    service = asking.service
    single = _Single(service.pool)

    async def explain(request: Request) -> Response:
        request.state.route = "explain"
        who = asking.who(request)
        async with asking.body(request) as body:
            (upload,) = pictures(body, request.headers.get("content-type", ""), most=1)
            served, _ = service.live.answers(request.state.id)
            cost, admission = _cost(served.champion), service.admission
            # One at a time, and none in a crowd: an overlay may wait, an answer may not.
            if single.busy or admission.flooded or admission.waiting > admission.lanes:
                raise Full("too slow", cost * admission.seconds)
            asking.charge(request, who, cost)
            ticket = admission.admit(1, asking.seconds(request))
            # It takes as long as many, and would pass for one that is slow.
            ticket.measures = False
            work = _Work(
                served.champion,
                upload,
                service.answerer.limits,
                request.query_params.get("class"),
            )
            try:
                found, png = await single.run(ticket, work)
            except (PictureError, ArgumentError) as error:
                kind = "picture" if isinstance(error, PictureError) else "parameter"
                raise Refused(told(error, kind=kind)) from None
        return _reply(request, served, found, png)

    return [Route("/explain", explain, methods=["POST"])]


class _Single:
    """Explanations, one at a time."""

    def __init__(self, pool: Pool) -> None:
        self.busy = False
        self._pool = pool

    async def run(self, ticket: Ticket, work: _Work) -> tuple[Explanation, bytes]:
        """What `work` returns or raises. It goes on where whoever asked hangs up, and must stay the
        only one."""
        self.busy = True
        task = asyncio.ensure_future(self._pool.run(ticket, work))
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        finally:
            # What went wrong holds this frame: without this, the frame would hold it in turn.
            del task

    def _ended(self, task: asyncio.Future[tuple[Explanation, bytes]]) -> None:
        self.busy = False
        if not task.cancelled():
            # Perhaps nobody else looks at what went wrong.
            task.exception()


def _cost(champion: Champion) -> int:
    """Pictures that could be answered in the time of an explanation."""
    engine = champion.engine
    looks_inside = isinstance(engine, Mapped) and engine.maps.method is not None
    return _INSIDE if looks_inside else BUDGET


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What is done in a lane."""

    champion: Champion
    upload: Upload
    limits: Limits
    label: str | None

    def __call__(self) -> tuple[Explanation, bytes]:
        upload = self.upload
        seen = header(upload.content, name=upload.name or "the picture", limits=self.limits)
        with one_large if seen.width * seen.height > LARGE else nullcontext():
            found = explained(self.champion, upload.content, label=self.label)
        overlay = found.overlay()
        side = len(overlay) * max(1, -(-_SHOWN // len(overlay)))
        return found, encode(overlay, size=(side, side))


def _reply(request: Request, served: Served, found: Explanation, png: bytes) -> Response:
    headers = {"cache-control": "no-store", "vary": "accept"}
    if request.headers.get("accept", "").partition(";")[0].strip().lower() == "image/png":
        return Response(png, headers=headers, media_type="image/png")
    champion = served.champion
    facts = {
        "id": request.state.id,
        "model": {"name": champion.name, "digest": champion.digest, "version": served.version},
        "label": found.label,
        "probability": round(found.probability, 6),
        "method": found.method,
        "flat": found.flat,
        "overlay": "data:image/png;base64," + base64.b64encode(png).decode("ascii"),
    }
    body = json.dumps(facts, ensure_ascii=False).encode()
    return Response(body, headers=headers, media_type="application/json")
