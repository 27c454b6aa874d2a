"""`--ui gradio`, with a stand-in for Gradio."""

from __future__ import annotations

import ast
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from bakeoff.serving import gradio_page
from bakeoff.serving.settings import Settings
from bakeoff.spec.errors import MissingExtraError, SpecError
from tests.champion import made
from tests.serving.within import within

pytest.importorskip("onnxruntime")


class Said(Exception):  # noqa: N818 - as Gradio calls it
    """Gradio's way to tell a person something."""


class Stub(ModuleType):
    """As much of Gradio as is used."""

    Error = Said

    def __init__(self) -> None:
        super().__init__("gradio")
        self.__spec__ = ModuleSpec("gradio", None)
        self.answer: Any = None
        self.queued: dict[str, Any] = {}
        self.mounts: dict[str, Any] = {}
        self.started = 0
        self.Request = SimpleNamespace
        self.Image = self.Label = SimpleNamespace
        self.themes = SimpleNamespace(Base=SimpleNamespace)
        self.router = SimpleNamespace(lifespan_context=self.starting)

    def Interface(self, answer: Any, *parts: Any, **facts: Any) -> Stub:  # noqa: N802
        """What is mounted."""
        self.answer = answer
        assert facts["analytics_enabled"] is False
        return self

    def queue(self, **bounds: Any) -> Stub:
        """Bounds of its own queue."""
        self.queued = bounds
        return self

    def mount_gradio_app(self, outer: Any, interface: Any, **facts: Any) -> Stub:
        """Becomes an application."""
        self.mounts = facts
        return self

    @asynccontextmanager
    async def starting(self, _: Any) -> AsyncIterator[None]:
        """What has to happen first."""
        self.started += 1
        yield

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.started == 1
        body = b"gradio"
        if scope["path"] == "/ask":
            body = repr(await self._asked(scope)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def _asked(self, scope: Any) -> Any:
        path = scope["query_string"].decode()
        try:
            return await self.answer(path, SimpleNamespace(request=Request(scope)))
        except Said as said:
            return str(said)


@pytest.fixture
def gradio(monkeypatch: pytest.MonkeyPatch) -> Stub:
    """It is installed."""
    stub = Stub()
    monkeypatch.setitem(sys.modules, "gradio", stub)
    fastapi = ModuleType("fastapi")
    fastapi.FastAPI = lambda **_: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fastapi", fastapi)
    return stub


def test_it_has_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not, that is said in words, with what to install."""
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        gradio_page.mounted(SimpleNamespace())  # type: ignore[arg-type]
    assert "--ui gradio needs the optional part 'gradio', which is not installed" in str(
        caught.value
    )


def test_it_cannot_do_everything() -> None:
    """Keys and several workers are refused with a way out."""
    for more in ({"keys": "keys"}, {"workers": 2}):
        with pytest.raises(SpecError) as caught:
            Settings(champion=None, ui="gradio", **more)
        assert str(caught.value) == (
            "--ui cannot be gradio together with --keys or with more than one of --workers. "
            "Take --ui own, which can do both."
        )


def test_it_is_at_the_front_and_answers_as_we_do(gradio: Stub, tmp_path: Path) -> None:
    """Its page has a policy of its own and is started once; answers, and what is wrong with a
    picture, come from us; the rest of the service is as it was."""
    path = tmp_path / "one.png"
    path.write_bytes(made.encoded(made.picture(0, 0)))
    (tmp_path / "broken.png").write_bytes(b"broken")
    with within(made.with_graph(tmp_path / "champion"), ui="gradio") as service:
        for _ in range(2):
            page = service.ask("GET", "/")
            assert (page.status, page.body) == (200, b"gradio")
        assert "'unsafe-inline'" in page.headers["content-security-policy"]
        assert gradio.mounts["max_file_size"] == service.service.settings.body
        told = service.post("/predict", path.read_bytes()).json()["predictions"][0]
        shares = ast.literal_eval(service.ask("GET", f"/ask?{path}").body.decode())
        assert max(shares, key=shares.get) == told["label"]
        broken = service.ask("GET", f"/ask?{tmp_path / 'broken.png'}").body.decode()
        assert "is not a picture" in broken
        for other in ("/card", "/watch", "/static/style.css", "/livez"):
            answer = service.ask("GET", other)
            assert answer.status == 200
            assert "unsafe" not in answer.headers["content-security-policy"]
        assert asyncio.run(gradio.answer(None, None)) is None
