"""The client: answers as those of an open champion, patience that ends, errors in words."""

from __future__ import annotations

import http.server
import json
import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import bakeoff
from bakeoff.data.decode import decode
from bakeoff.serving import keys
from bakeoff.serving.client import Client, ServiceError, connect
from bakeoff.spec.errors import ArgumentError, PictureError
from tests.champion import made
from tests.serving.shared import PNG, shared
from tests.serving.within import Within

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def service() -> Iterator[Within]:
    """Shared by most."""
    with shared(pictures=32) as one:
        yield one


@pytest.fixture
def client(service: Within) -> Iterator[Client]:
    """Of that service."""
    with connect(f"http://127.0.0.1:{service.port}/") as one:
        yield one


def test_the_same_answers(service: Within, client: Client, tmp_path: Path) -> None:
    """Whatever kind of picture it is given, it says what the champion says."""
    champion = service.service.live.current.champion
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    said = champion.predict(PNG)
    for given in (PNG, path, str(path), made.picture(0, 1), decode(PNG), bytearray(PNG)):
        told = client.predict(given)
        assert (told.label, told.unknown, told.strangeness) == (said.label, None, None)
        assert told.probability == pytest.approx(said.probability, abs=1e-6)
        assert list(told.probabilities) == list(said.probabilities)
        assert dict(told.probabilities) == pytest.approx(dict(said.probabilities), abs=1e-6)


def test_many(service: Within, client: Client) -> None:
    """A list of any length has an answer for each picture, in order, over several requests."""
    champion = service.service.live.current.champion
    pictures = [made.encoded(made.picture(place % 3, place)) for place in range(70)]
    told = client.predict(pictures)
    assert [one.label for one in told] == [one.label for one in champion.predict(pictures)]
    assert len({one.id for one in told}) == 3
    assert [one.picture for one in told] == [*range(32), *range(32), *range(6)]
    assert client.predict([]) == []
    assert len(client.predict(np.stack([decode(PNG)] * 2))) == 2


def test_an_overlay(client: Client) -> None:
    """Where a class was found, as a picture."""
    found = client.explain(PNG, "sky")
    assert (found.label, found.method) == ("sky", "occlusion")
    assert decode(found.overlay).shape == (224, 224, 3)
    with pytest.raises(ServiceError, match=r"must be one of the champion's, but is 'a&b'"):
        client.explain(PNG, "a&b")


def test_its_version(service: Within, client: Client) -> None:
    """What answers."""
    assert client.ready()
    digest = service.service.live.current.champion.digest
    assert client.version()["model"]["digest"] == digest


def test_broken_pictures(client: Client) -> None:
    """A picture that the service refuses is a picture's error, with the reason, and its place among
    several."""
    with pytest.raises(PictureError, match=r"^the picture was refused .* is not a picture that"):
        client.predict(b"<html>")
    with pytest.raises(PictureError, match=r"^picture 33 was refused\. .* is not a picture that"):
        client.predict([PNG] * 33 + [b"<html>", PNG])
    with pytest.raises(PictureError, match=r"gone\.png cannot be read: no such file"):
        client.predict("gone.png")
    with pytest.raises(PictureError, match="picture 1 has no bytes"):
        client.predict([PNG, b""])
    with pytest.raises(ArgumentError, match="picture 0 must be a path"):
        client.predict([7])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("127.0.0.1:8000", "must be like http://127.0.0.1:8000"),
        ("ftp://a", "must be like http://127.0.0.1:8000"),
        ("http://a:99999999", "must be like http://127.0.0.1:8000"),
        ("http://", "must be like http://127.0.0.1:8000"),
        ("http://me:secret@a", "must be an address alone"),
        ("http://a/?b=c", "must be an address alone"),
    ],
)
def test_addresses_that_are_none(url: str, message: str) -> None:
    """They are refused before anything is sent."""
    with pytest.raises(ArgumentError, match=message):
        bakeoff.connect(url)


def test_wrong_settings() -> None:
    """So are times and keys that make no sense."""
    for more in ({"timeout": 0}, {"retries": -1}, {"key": "a\nb"}):
        with pytest.raises(ArgumentError):
            connect("http://a", **more)


def test_feedback_and_keys(tmp_path: Path) -> None:
    """With its key, it may ask and say what was right; without, it is told what is missing."""
    file = tmp_path / "keys"
    key = keys.add(str(file), "me")
    with shared(keys=str(file), journal=str(tmp_path / "journal.sqlite")) as service:
        at = f"http://127.0.0.1:{service.port}"
        with connect(at) as stranger, pytest.raises(ServiceError) as caught:
            stranger.predict(PNG)
        assert caught.value.status == 401
        assert str(caught.value).startswith(
            f"the service at {at} answered 401. A key is needed: send it as"
        )
        again = pickle.loads(pickle.dumps(caught.value))
        assert (str(again), again.status) == (str(caught.value), 401)
        with connect(at, key) as client:
            client.feedback(client.predict([PNG, PNG])[1], correct=False, label="fog")


class _Moody(http.server.BaseHTTPRequestHandler):
    """Answers what it was told to, one after the other."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        if not self.answers:
            self.close_connection = True
            return
        status, headers, body = self.answers.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


GOOD: tuple[int, dict[str, str], bytes] = (200, {}, json.dumps({"model": {"version": 3}}).encode())


@contextmanager
def moody(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[str]:
    """The address of a server that answers so."""
    _Moody.answers[:], _Moody.asked[:] = list(answers), []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Moody) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited, each time."""
    found: list[float] = []
    monkeypatch.setattr("bakeoff.serving.client.time.sleep", found.append)
    return found


def test_patience(slept: list[float]) -> None:
    """What is full or gone for a moment is asked again, after what it says, or longer each time."""
    with moody((503, {"Retry-After": "2"}, b""), (429, {}, b""), GOOD) as at, connect(at) as client:
        assert client.version()["model"]["version"] == 3
        assert _Moody.asked == ["/version"] * 3
    assert 2 < slept[0] < 2.2
    assert 0.1 <= slept[1] <= 0.2


def test_its_end(slept: list[float]) -> None:
    """It gives up when the time or the attempts are used up, and says why it was sent away."""
    body = json.dumps({"type": "urn:bakeoff:problem:full", "detail": "It is full."}).encode()
    with moody(*[(503, {"Retry-After": "50"}, body)] * 3) as at:
        with connect(at, timeout=10) as client, pytest.raises(ServiceError) as caught:
            client.version()
        assert slept == []
        assert caught.value.status == 503
        assert str(caught.value).endswith("answered 503. It is full.")
    with moody(*[(503, {}, b"")] * 9) as at:
        with connect(at, retries=2) as client, pytest.raises(ServiceError):
            client.version()
        assert len(_Moody.asked) == 3
    with moody((404, {}, b"nothing")) as at, connect(at) as client:
        with pytest.raises(ServiceError, match=r"answered 404\. Not Found\."):
            client.version()
        assert len(_Moody.asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"hello": 1}'])
def test_something_else_answers(body: bytes) -> None:
    """What is not this service is not taken for it."""
    message = "answers, but is not a service of Bakeoff's"
    with (
        moody((200, {}, body)) as at,
        connect(at) as client,
        pytest.raises(ServiceError, match=message),
    ):
        client.version()


def test_nobody_answers() -> None:
    """Nor is nobody: the way to start it is said."""
    with moody() as at:
        pass
    with connect(at, retries=0) as client:
        assert not client.ready()
        with pytest.raises(ServiceError, match=r"does not answer: .*bakeoff serve CHAMPION"):
            client.version()


def test_a_connection_that_was_closed(service: Within) -> None:
    """A connection that the service closed meanwhile is replaced without a word."""
    with connect(f"http://127.0.0.1:{service.port}", retries=0) as client:
        client.predict(PNG)
        for one in client._wire._idle:
            assert one.sock is not None
            one.sock.shutdown(2)
        assert client.predict(PNG).label


def test_threads(service: Within) -> None:
    """Several threads may share a client; connections stay open, and no more than needed."""
    with connect(f"http://127.0.0.1:{service.port}") as client:
        found: list[str] = []
        threads = [
            threading.Thread(target=lambda: found.append(client.predict(PNG).label))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1
        assert 1 <= len(client._wire._idle) <= 4


def test_a_body_that_is_too_large(service: Within) -> None:
    """Why a large picture was refused is known even though the service did not read it all."""
    began = time.monotonic()
    at = f"http://127.0.0.1:{service.port}"
    with connect(at, retries=0) as client, pytest.raises(ServiceError) as caught:
        client.predict(bytes(12_000_000))
    assert str(caught.value).endswith("answered 413. A request may have 10 MB.")
    assert time.monotonic() - began < 30
