"""Pages for people: to try the champion, to read about it, and to watch the service."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bakeoff.serving import gradio_page, shelf
from bakeoff.serving.admission import Full
from bakeoff.serving.asking import Asking
from bakeoff.serving.bodies import pictures
from bakeoff.serving.cards import card
from bakeoff.serving.computing import Upload
from bakeoff.serving.problems import Problem, Refused
from bakeoff.serving.routes.predict import reply
from bakeoff.serving.samples import Sample, Samples
from bakeoff.serving.watching import watched

__all__ = ["routes"]

_TOP = 5
_SHOWN = 1_000_000
"""Bytes of a picture that is sent back within the page, to those whose browser runs no script."""

_PLACES = ("/", "/{version}/")
"""Of a file: under its own name, and under that of all files as they are."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""As everywhere, but for the form that is sent where no script runs."""

Facts = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]


def routes(asking: Asking) -> list[BaseRoute]:
    """Those of this module."""
    pages = _Pages(asking)
    shared: list[BaseRoute] = [
        Route("/card", _counted(pages.card)),
        Route("/watch", _counted(pages.watch)),
        Route("/watch.json", _counted(pages.figures)),
        *(
            Route(f"/static{between}{name}", _counted(_file))
            for name in shelf.NAMES
            for between in _PLACES
        ),
    ]
    if asking.service.settings.ui == "none":
        return [Route("/", _counted(_no_page)), *shared]
    if asking.service.settings.ui == "gradio":
        return [*shared, gradio_page.mounted(asking)]
    return [
        Route("/", _counted(pages.front)),
        Route("/try", _counted(pages.tried), methods=["POST"]),
        Route("/page.json", _counted(pages.facts)),
        Route("/samples/{place:int}", _counted(pages.sample)),
        *shared,
    ]


def _counted(handler: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        request.state.route = "pages"
        return await handler(request)

    return handle


class _Pages:
    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._service = asking.service
        self._samples = Samples()

    async def front(self, request: Request) -> Response:
        return self._front(request)

    async def tried(self, request: Request) -> Response:
        """The answer for who has no script: the page again, with the answers on it."""
        who = self._asking.who(request)
        most = self._service.settings.pictures
        try:
            async with self._asking.body(request) as body:
                kind = request.headers.get("content-type", "")
                # A form that was sent without a choice has one file, without name or bytes.
                uploads = [one for one in pictures(body, kind, most=most) if one.content]
                answered = await self._asking.answer(request, uploads, who, "page")
        except Refused as refused:
            return self._front(request, problem=refused.problem)
        except Full as full:
            detail = "The service is full just now: try again in a moment."
            problem = Problem(status=503, detail=detail, kind="full", retry=full.retry_after)
            return self._front(request, problem=problem)
        told = reply(answered, _TOP)["predictions"]
        answers = [
            {**one, "shown": _shown(upload)} for one, upload in zip(told, uploads, strict=True)
        ]
        return self._front(request, answers=answers)

    async def facts(self, request: Request) -> Response:
        self._asking.who(request)
        champion = self._service.live.current.champion
        return _json(
            {
                **self._model(),
                "classes": champion.classes,
                "samples": [one.label for one in await self._all_samples()],
                "body": self._service.settings.body,
                "pixels": self._service.settings.pixels,
                "journal": self._service.recording.journal() is not None,
            }
        )

    async def sample(self, request: Request) -> Response:
        self._asking.who(request)
        found = await self._all_samples()
        place = request.path_params["place"]
        if place >= len(found):
            raise Refused(Problem(status=404, detail="There are not so many samples."))
        one = found[place]
        return shelf.same(request, one.content, one.kind, one.tag, "no-cache")

    async def card(self, request: Request) -> Response:
        champion = self._service.live.current.champion
        made = await asyncio.to_thread(card, champion.card)
        return shelf.page("card.html", card=made, **self._model())

    async def watch(self, request: Request) -> Response:
        return shelf.page("watch.html", **self._model())

    async def figures(self, request: Request) -> Response:
        self._asking.who(request)
        return _json(await watched(self._service))

    def _front(
        self,
        request: Request,
        *,
        answers: list[Facts] | None = None,
        problem: Problem | None = None,
    ) -> Response:
        settings = self._service.settings
        champion = self._service.live.current.champion
        return shelf.page(
            "try.html",
            policy=_POLICY,
            status=200 if problem is None else problem.status,
            classes=champion.classes,
            answers=answers,
            problem=problem,
            is_open=settings.keys is None,
            body=settings.body,
            base=str(request.base_url),
            **self._model(),
        )

    def _model(self) -> Facts:
        served = self._service.live.current
        champion = served.champion
        return {
            "name": champion.name,
            "digest": champion.digest,
            "served": served.version,
            "engine": champion.engine.name,
        }

    async def _all_samples(self) -> tuple[Sample, ...]:
        return await asyncio.to_thread(self._samples.of, self._service.live.current)


async def _no_page(request: Request) -> Response:
    detail = "This service has no page (--ui none). POST /predict takes pictures; see /docs."
    raise Refused(Problem(status=404, detail=detail))


async def _file(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    return shelf.sent(request, name, request.path_params.get("version"))


def _shown(upload: Upload) -> str | None:
    """The picture as an address; a browser finds out its kind by itself."""
    if len(upload.content) > _SHOWN:
        return None
    return "data:image/png;base64," + base64.b64encode(upload.content).decode()


def _json(facts: Facts) -> Response:
    body = json.dumps(facts, ensure_ascii=False).encode()
    return Response(body, headers={"cache-control": "no-store"}, media_type="application/json")
