"""POST /feedback: what people say of an answer."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bakeoff.serving.asking import Asking
from bakeoff.serving.bodies import document
from bakeoff.serving.journal.entry import Feedback
from bakeoff.serving.problems import Problem, Refused
from bakeoff.serving.schemas import LABEL

__all__ = ["routes"]

_MOST = 16_384
"""Bytes that somebody may have to say."""

_PLACE = 100_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RETRY = 5.0
"""Seconds after which a database that is away may be back."""


def routes(asking: Asking) -> list[BaseRoute]:
    """Those of this module."""

    async def feedback(request: Request) -> Response:
        request.state.route = "feedback"
        who = asking.who(request)
        async with asking.body(request, _MOST) as body:
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in (
                "application/json",
                "",
            ):
                raise Refused(Problem(status=415, detail=_JSON, kind="content-type"))
            said = _said(document(body), who)
        outcome = await asking.service.recording.feedback(said)
        if outcome == "unknown":
            detail = "No picture of this id and place was answered here, or it was forgotten since."
            raise Refused(Problem(status=404, detail=detail, kind="unknown"))
        if outcome == "unavailable":
            is_there = asking.service.recording.journal() is not None
            detail = _AWAY if is_there else _NONE
            retry = _RETRY if is_there else None
            raise Refused(Problem(status=503, detail=detail, kind="journal", retry=retry))
        told = {"id": said.id, "picture": said.picture, "outcome": outcome}
        return Response(json.dumps(told).encode(), media_type="application/json")

    return [Route("/feedback", feedback, methods=["POST"])]


_AWAY = "The journal, where feedback is kept, cannot take it just now."
_NONE = "This service keeps no journal, and so no feedback."
_JSON = "Feedback is JSON: Content-Type: application/json."


def _said(told: Any, who: str | None) -> Feedback:
    if not isinstance(told, dict):
        raise _broken('Feedback is a JSON object with "id", "correct", "picture" and "label".')
    for name in told:
        if name not in ("id", "picture", "correct", "label"):
            raise _broken(f'Feedback has "id", "picture", "correct" and "label", and no {name!r}.')
    identity, correct = told.get("id"), told.get("correct")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        raise _broken('"id" must be the "id" of an answer.')
    if not isinstance(correct, bool):
        raise _broken('"correct" must be true or false.')
    return Feedback(
        id=identity,
        picture=_place(told.get("picture", 0)),
        at=datetime.now(UTC),
        correct=correct,
        label=_label(told.get("label")),
        key=who,
    )


def _place(said: object) -> int:
    if isinstance(said, float) and said.is_integer():
        # To JSON it is the same number.
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int) or not 0 <= said < _PLACE:
        raise _broken('"picture" must be the place of a picture in its request, from 0.')
    return said


def _label(said: object) -> str | None:
    """Any name, also of a class that the champion does not have: the next one may learn it."""
    if said is None:
        return None
    if (
        not isinstance(said, str)
        or not 0 < len(said) <= LABEL
        or not said.strip()
        # Also no half of a pair of surrogates, which no database takes.
        or not said.isprintable()
    ):
        raise _broken(f'"label" must be the name of a class: up to {LABEL} printable characters.')
    return said


def _broken(detail: str) -> Refused:
    return Refused(Problem(status=422, detail=detail, kind="feedback"))
