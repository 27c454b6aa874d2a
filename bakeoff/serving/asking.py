"""What every route that answers for pictures has in common: who asks, how long they wait, how much
they send."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from bakeoff.serving.answering import Answered, Ask
from bakeoff.serving.bodies import Held
from bakeoff.serving.computing import Upload
from bakeoff.serving.keys import Keys, Rates
from bakeoff.serving.problems import Problem, Refused
from bakeoff.serving.service import Service

__all__ = ["Asking"]


class Asking:
    """Brings requests to the answerer, within the service's settings."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.service = service
        self._keys = None if settings.keys is None else Keys(settings.keys)
        self._rates = None if settings.rate is None else Rates(settings.rate)

    def who(self, request: Request) -> str | None:
        """The name of the key that came along; None where none is asked for. `Refused` where it is
        asked for and not there."""
        if self._keys is None:
            return None
        try:
            return self._keys.name(_key(request))
        except Refused:
            self.service.admission.absent()
            raise

    def body(self, request: Request, most: int | None = None) -> Held:
        """The request's body, while the block lasts; `most` bytes, where that is less than any
        request may have."""
        settings = self.service.settings
        return Held(
            request,
            self.service.admission,
            most=settings.body if most is None else min(most, settings.body),
            patience=settings.patience_body,
        )

    def charge(self, request: Request, who: str | None, pictures: int) -> None:
        """Count pictures on the key that asked, or on the address where there are no keys;
        `Refused` where they are too many for now."""
        if self._rates is not None:
            self._rates.take(who or _client(request), pictures)

    async def answer(
        self, request: Request, uploads: Sequence[Upload], who: str | None, route: str
    ) -> Answered:
        """Answers for pictures, counted on the key that asked."""
        self.charge(request, who, len(uploads))
        ask = Ask(
            id=request.state.id,
            route=route,
            uploads=uploads,
            seconds=self.seconds(request),
            key=who,
        )
        answered = await self.service.answerer.answer(ask)
        request.state.told = {
            "pictures": len(uploads),
            "key": who,
            "role": answered.role,
            "decode_ms": round(1000 * answered.decode, 2),
            "queue_ms": round(1000 * answered.queue, 2),
            "infer_ms": round(1000 * answered.infer, 2),
        }
        return answered

    def seconds(self, request: Request) -> float:
        """Within which the answer is wanted."""
        said = request.headers.get("x-deadline-ms")
        longest = self.service.settings.deadline
        if said is None:
            return longest
        if not said.isdecimal() or not int(said[:9]) > 0:
            detail = "X-Deadline-Ms must be a whole number of milliseconds above 0."
            raise Refused(Problem(status=400, detail=detail, kind="deadline"))
        return min(longest, int(said[:9]) / 1000)


def _key(request: Request) -> str | None:
    said = request.headers.get("authorization", "")
    scheme, _, key = said.partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return request.headers.get("x-api-key")


def _client(request: Request) -> str:
    return request.client.host if request.client is not None else ""
