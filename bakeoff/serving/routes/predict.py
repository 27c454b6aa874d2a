"""POST /predict: pictures in, answers out."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bakeoff.serving.answering import Answered
from bakeoff.serving.asking import Asking
from bakeoff.serving.bodies import pictures
from bakeoff.serving.computing import Result
from bakeoff.serving.problems import Problem, Refused, told

__all__ = ["predicted", "reply", "routes"]

_TOP = 5
"""Classes in an answer, unless more or fewer are asked for."""


def routes(asking: Asking) -> list[BaseRoute]:
    """Those of this module."""

    async def predict(request: Request) -> Response:
        request.state.route = "predict"
        return await predicted(asking, request, "predict")

    return [Route("/predict", predict, methods=["POST"])]


async def predicted(asking: Asking, request: Request, route: str) -> Response:
    """The answer to a request with pictures in it; `route` is what it is written down under."""
    who = asking.who(request)
    top = _top(request)
    most = asking.service.settings.pictures
    async with asking.body(request) as body:
        uploads = pictures(body, request.headers.get("content-type", ""), most=most)
        answered = await asking.answer(request, uploads, who, route)
    if len(answered.results) == 1 and answered.results[0].error is not None:
        raise Refused(told(answered.results[0].error, kind="picture"))
    return Response(
        json.dumps(reply(answered, top), ensure_ascii=False).encode(),
        media_type="application/json",
    )


def reply(answered: Answered, top: int) -> dict[str, Any]:
    """The answer to a request, as JSON has it."""
    champion = answered.served.champion
    return {
        "id": answered.ask.id,
        "model": {
            "name": champion.name,
            "digest": champion.digest,
            "version": answered.served.version,
        },
        "predictions": [_one(result, top) for result in answered.results],
        "timings_ms": {
            "decode": _ms(answered.decode),
            "queue": _ms(answered.queue),
            "infer": _ms(answered.infer),
            "total": _ms(answered.total),
        },
    }


def _one(result: Result, top: int) -> dict[str, Any]:
    name = result.upload.name
    if result.error is not None:
        return {"name": name, "error": told(result.error, kind="picture").to_json()}
    said = result.prediction
    assert said is not None
    shares = list(said.probabilities.items())[:top]
    return {
        "name": name,
        "label": said.label,
        "probability": round(said.probability, 6),
        "top": [{"label": label, "probability": round(share, 6)} for label, share in shares],
        "none_of_these": said.unknown,
        "strangeness": None if said.strangeness is None else round(said.strangeness, 6),
    }


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)


def _top(request: Request) -> int:
    said = request.query_params.get("top")
    if said is None:
        return _TOP
    if not said.isascii() or not said.isdecimal() or not 0 < int(said[:6]) <= 100_000:
        detail = "top must be a whole number from 1 on: how many classes are wanted."
        raise Refused(Problem(status=422, detail=detail, kind="parameter"))
    return int(said[:6])
