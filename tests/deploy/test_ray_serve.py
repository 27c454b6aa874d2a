"""The adapter for Ray Serve answers as the service does. Ray itself is not needed: what is asked of
it is a decorator."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from types import ModuleType
from typing import Any

import pytest

import bakeoff
from bakeoff.champion.place import BOXED
from tests.deploy.manifests import DEPLOY

pytest.importorskip("onnxruntime")
requests = pytest.importorskip("starlette.requests")

PICTURE = BOXED / "goldens" / "00.png"


class Deployment:
    """What Ray's decorator makes of a class."""

    def __init__(self, kind: type, **said: Any) -> None:
        self.kind = kind
        self.said = said

    def options(self, **said: Any) -> Deployment:
        return Deployment(self.kind, **self.said, **said)

    def bind(self, *arguments: Any) -> tuple[Deployment, tuple[Any, ...]]:
        return self, arguments


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, beside a Ray that does nothing."""
    ray, serve = ModuleType("ray"), ModuleType("ray.serve")
    vars(ray)["serve"] = serve
    vars(serve).update(
        Application=object, deployment=lambda **said: lambda kind: Deployment(kind, **said)
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.serve", serve)
    spec = importlib.util.spec_from_file_location("ray_serve", DEPLOY / "ray_serve.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ask(adapter: Any) -> Any:
    """Asks one replica."""
    replica = adapter.Served("boxed")

    def asked(body: bytes) -> tuple[int, str, dict[str, Any]]:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        response = asyncio.run(replica(requests.Request(scope, receive)))
        told: dict[str, Any] = json.loads(bytes(response.body))
        return response.status_code, response.headers["content-type"], told

    return asked


def test_a_picture_is_answered(ask: Any) -> None:
    """The body is a picture; the answer is the champion's."""
    status, kind, told = ask(PICTURE.read_bytes())
    said = bakeoff.open("boxed").predict(PICTURE)
    assert (status, kind) == (200, "application/json")
    assert (told["label"], told["unknown"]) == (said.label, said.unknown)
    assert told["probability"] == pytest.approx(said.probability, abs=1e-4)


def test_what_is_no_picture_is_told(ask: Any) -> None:
    """With the sentence that the service has for it."""
    status, kind, told = ask(b"no picture")
    assert (status, kind) == (422, "application/problem+json")
    assert told["detail"] == (
        "the picture is not a picture that can be opened (JPEG, PNG, WebP, GIF, BMP, TIFF)."
    )


def test_too_much_is_not_decoded(adapter: Any, ask: Any) -> None:
    """A body beyond the bound is refused by its length."""
    status, _, told = ask(bytes(adapter.MOST + 1))
    assert status == 413
    assert told["detail"] == "A picture may have 10000000 bytes, and this one has 10000001."


def test_the_command_line_says_which_and_how_many(adapter: Any) -> None:
    """`serve run … champion=PATH replicas=N`; without them, one replica of the boxed champion."""
    given, (champion,) = adapter.app({"champion": "bakeoffs/A", "replicas": "4"})
    assert (champion, given.said["num_replicas"]) == ("bakeoffs/A", 4)
    given, (champion,) = adapter.app({})
    assert (champion, given.said["num_replicas"]) == ("boxed", 1)
    assert given.said["max_queued_requests"] == 64
