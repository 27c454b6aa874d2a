"""`--ui gradio`: Gradio's interface in the place of our page, for those who want that one.

Answers come from the same queue as all others, within the same bounds. What Gradio itself does
around them is its own: its uploads are files in its own folder, its page needs scripts in the page
and styles in elements, which is allowed here and nowhere else.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bakeoff.serving.admission import Full
from bakeoff.serving.asking import Asking
from bakeoff.serving.computing import Upload
from bakeoff.serving.problems import Refused
from bakeoff.spec.errors import MissingExtraError

__all__ = ["mounted"]

_TOP = 5
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'self' data: blob:; worker-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'self'"
)


def mounted(asking: Asking) -> BaseRoute:
    """Gradio's page and all that it asks for."""
    if importlib.util.find_spec("gradio") is None:
        raise MissingExtraError("--ui gradio", "gradio")
    gradio: Any = importlib.import_module("gradio")
    fastapi: Any = importlib.import_module("fastapi")
    settings = asking.service.settings
    made = gradio.mount_gradio_app(
        fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        _interface(gradio, asking),
        path="",
        max_file_size=settings.body,
        ssr_mode=False,
        # Its own would be fetched from elsewhere.
        theme=gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
    )
    return Mount("/", app=_Page(made))


def _interface(gradio: Any, asking: Asking) -> Any:
    async def answer(path: str | None, request: Any) -> dict[str, float] | None:
        if path is None:
            return None
        content = await asyncio.to_thread(Path(path).read_bytes)
        theirs: Request = request.request
        try:
            answered = await asking.answer(theirs, [Upload(content=content)], None, "page")
        except Refused as refused:
            raise gradio.Error(refused.problem.detail) from None
        except Full:
            raise gradio.Error("The service is full just now: try again in a moment.") from None
        (result,) = answered.results
        if result.prediction is None:
            raise gradio.Error(str(result.error))
        if result.prediction.unknown:
            gradio.Warning("None of these: the picture is like nothing that was learnt.")
        return dict(result.prediction.probabilities)

    # By what is written there Gradio knows what it has to give.
    answer.__annotations__["request"] = gradio.Request
    champion = asking.service.live.current.champion
    interface = gradio.Interface(
        answer,
        gradio.Image(type="filepath", format="png", label="Picture"),
        gradio.Label(num_top_classes=_TOP, label="Answer"),
        title=champion.name,
        description=f"It tells {len(champion.classes)} classes apart.",
        flagging_mode="never",
        api_name="predict",
        analytics_enabled=False,
    )
    settings = asking.service.settings
    return interface.queue(
        max_size=settings.queue, default_concurrency_limit=2 * asking.service.plan.lanes
    )


class _Page:
    """Another application within ours, which has to be started before it is asked."""

    def __init__(self, inner: Any) -> None:
        self._inner: ASGIApp = inner
        self._starting = inner.router.lifespan_context(inner)
        self._started = AsyncExitStack()
        self._is_started = False
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["route"] = "pages"
        async with self._lock:
            if not self._is_started:
                await self._started.enter_async_context(self._starting)
                self._is_started = True

        async def relaxed(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message["headers"], policy]}
            await send(message)

        await self._inner(scope, receive, relaxed)
