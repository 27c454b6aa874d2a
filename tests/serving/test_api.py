"""Addresses of the service that are its own: answers, overlays, feedback, docs."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakeoff.data.decode import decode, header
from bakeoff.serving import keys
from tests.champion import made
from tests.serving.shared import PNG, shared
from tests.serving.within import Within

pytest.importorskip("onnxruntime")

BROKEN = PNG[:60]


@pytest.fixture(scope="module")
def service() -> Iterator[Within]:
    """Shared by most."""
    with shared() as one:
        yield one


def form(*files: tuple[str, bytes]) -> tuple[bytes, str]:
    """Files as a form has them."""
    parts = [
        f'--xx\r\nContent-Disposition: form-data; name="p"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + b"--xx--\r\n", "multipart/form-data; boundary=xx"


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "application/x-image"])
@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_a_picture_as_it_is(service: Within, path: str, kind: str) -> None:
    """A raw body is one picture, also at SageMaker's address."""
    told = service.post(path, PNG, kind).json()["predictions"]
    said = service.service.live.current.champion.predict(PNG)
    assert [one["label"] for one in told] == [said.label]
    assert told[0]["name"] is None


def test_several_pictures_of_which_one_is_broken(service: Within) -> None:
    """Each picture has its answer or its own error, in order, under its name."""
    body, kind = form(("a.png", PNG), ("b.png", BROKEN), ("../c.png", PNG))
    told = service.post("/predict", body, kind).json()["predictions"]
    assert [one["name"] for one in told] == ["a.png", "b.png", "../c.png"]
    assert told[1]["error"]["status"] == 422
    assert told[1]["error"]["detail"].startswith("b.png is damaged")
    assert told[0]["label"] == told[2]["label"]


def test_pictures_in_json(service: Within) -> None:
    """Base64 alone, behind data:, and with a name; a half of a letter in a name does no harm."""
    text = base64.b64encode(PNG).decode()
    listed = [text, f"data:image/png;base64,{text}", {"name": "a\ud800.png", "data": text}]
    told = service.send("/predict", {"pictures": listed}).json()["predictions"]
    assert [one["name"] for one in told] == [None, None, "a?.png"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "detail"),
    [
        (PNG, "text/plain", 415, "Send a picture as it is"),
        (PNG, "", 415, "Send a picture as it is"),
        (b"", "image/png", 422, "A picture has no bytes."),
        (b"{", "application/json", 400, "The body is not JSON."),
        (b"\xff\xfe", "application/json", 400, "The body is not JSON."),
        (b"[" * 50_000, "application/json", 400, "The body is not JSON."),
        (b"9" * 5_000, "application/json", 400, "The body is not JSON."),
        (b"[" + b"[]," * 200_000 + b"0]", "application/json", 413, "The JSON may have 100000"),
        (b"{}", "application/json", 422, 'The JSON must be an object with "pictures"'),
        (b'{"pictures": []}', "application/json", 422, "There is no picture in it."),
        (b'{"pictures": [7]}', "application/json", 422, "pictures[0] must be a text in base64."),
        (b'{"pictures": ["a"]}', "application/json", 422, "pictures[0] is not base64."),
        (b'{"pictures": ["\\ud800"]}', "application/json", 422, "pictures[0] is not base64."),
        (PNG, "multipart/form-data", 400, "The form cannot be read."),
        (PNG, "multipart/form-data; boundary=xx", 400, "The form cannot be read."),
        (b"--xx--\r\n", "multipart/form-data; boundary=xx", 422, "There is no picture in it."),
        (form(("a", PNG))[0][:-8], "multipart/form-data; boundary=xx", 400, "The form cannot be"),
        (*form(("a.png", b"")), 422, "A picture (a.png) has no bytes."),
        (*form(*[("a", PNG)] * 65), 413, "A request may have 64 pictures at most."),
    ],
)
def test_bodies_that_are_refused(
    service: Within, body: bytes, kind: str, status: int, detail: str
) -> None:
    """What is wrong with a body is said, with the status that fits."""
    answer = service.post("/predict", body, kind)
    assert answer.status == status, answer.body
    assert answer.json()["detail"].startswith(detail)


def test_forms_that_only_cost_time(service: Within) -> None:
    """A form of a hundred thousand tiny parts, or of endless headers, is not read to its end."""
    part = b'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    kind = "multipart/form-data; boundary=xx"
    answer = service.post("/predict", part * 100_000 + b"--xx--\r\n", kind)
    assert answer.status == 413
    assert answer.json()["detail"] == "A form may have 64 fields beside its pictures."
    for inside in (b"a: b\r\n" * 100_000, b"a: " + b"b" * 1_000_000 + b"\r\n"):
        body = b"--xx\r\n" + inside + b"\r\n1\r\n--xx--\r\n"
        assert service.post("/predict", body, kind).status == 400


@pytest.mark.parametrize("said", ["0", "-1", "x", "1.5", "", "²", "9" * 5000])
def test_numbers_that_are_none(service: Within, said: str) -> None:
    """A number of classes that makes no sense is refused, however long it is."""
    from urllib.parse import quote

    answer = service.post(f"/predict?top={quote(said)}", PNG)
    assert answer.status == 422


@pytest.mark.parametrize("said", ["0", "-1", "x", "9" * 5000])
def test_deadlines_that_are_none(service: Within, said: str) -> None:
    """So is a deadline; a very long one is as good as the service's own."""
    answer = service.post("/predict", PNG, x_deadline_ms=said)
    assert answer.status == (200 if said.startswith("9") else 400)


def test_an_overlay(service: Within) -> None:
    """Where the class was found is laid over the picture, large enough to be seen."""
    told = service.post("/explain?class=sky", PNG).json()
    assert told["label"] == "sky"
    assert told["method"] == "occlusion"
    kind, _, text = told["overlay"].partition(",")
    assert kind == "data:image/png;base64"
    png = base64.b64decode(text)
    assert decode(png).shape == (224, 224, 3)
    bare = service.post("/explain?class=sky", PNG, accept="image/png")
    assert (bare.headers["content-type"], bare.body) == ("image/png", png)


def test_an_overlay_that_cannot_be(service: Within) -> None:
    """Of a class that there is not, of a broken picture, of two pictures."""
    answer = service.post("/explain?class=cow", PNG)
    assert answer.status == 422
    assert "must be one of the champion's, but is 'cow'" in answer.json()["detail"]
    assert service.post("/explain", BROKEN).status == 422
    assert service.post("/explain", *form(("a", PNG), ("b", PNG))).status == 413


def test_an_overlay_in_a_crowd(service: Within) -> None:
    """While more is asked than can be answered, overlays are refused; and what they take is not
    mistaken for what an answer takes."""
    admission = service.service.admission
    before = admission.seconds
    assert service.post("/explain", PNG).status == 200
    assert admission.seconds == before
    assert admission.working == admission.waiting == admission.held == 0
    admission._flood_ends = admission.clock() + 60
    answer = service.post("/explain", PNG)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    admission._flood_ends = -1e9


@pytest.mark.parametrize(
    ("body", "kind", "status"), [(PNG, "text/plain", 415), (b"", "image/png", 422)]
)
def test_who_sends_no_picture_in_a_flood(body: bytes, kind: str, status: int) -> None:
    """Whoever is let in and has no picture to show takes nobody's place."""
    with shared(patience=0.5, lanes=1) as service:
        admission = service.service.admission
        admission.seconds = 60.0
        admission._flood_ends = admission.clock() + 600
        assert service.post("/predict", body, kind).status == status
        assert service.post("/predict", PNG).status == 200


@pytest.fixture
def journalled(tmp_path: Path) -> Iterator[Within]:
    """With a journal."""
    with shared(journal=str(tmp_path / "journal.sqlite")) as one:
        until = time.monotonic() + 20
        while one.ask("GET", "/healthz").json()["journal"] != "ok" and time.monotonic() < until:
            time.sleep(0.02)
        yield one


def test_feedback(journalled: Within) -> None:
    """What is said of an answer is kept, also where it names a class that the champion does not
    have; of what was never answered it is not."""
    told = journalled.post("/predict", PNG).json()
    said = {"id": told["id"], "correct": False, "label": "Kühlschrank"}
    for more in ({}, {"picture": 0}, {"correct": True, "label": None}):
        answer = journalled.send("/feedback", {**said, **more})
        assert answer.status == 200, answer.body
        assert answer.json() == {"id": told["id"], "picture": 0, "outcome": "kept"}
    for wrong in ({"picture": 1}, {"id": "0" * 24}):
        answer = journalled.send("/feedback", {**said, **wrong})
        assert answer.status == 404
        assert answer.json()["detail"].startswith("No picture of this id and place was answered")


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ([], "Feedback is a JSON object"),
        ({"correct": True}, '"id" must be the "id" of an answer.'),
        ({"id": "../x", "correct": True}, '"id" must be the "id" of an answer.'),
        ({"id": "x"}, '"correct" must be true or false.'),
        ({"id": "x", "correct": 1}, '"correct" must be true or false.'),
        ({"id": "x", "correct": True, "picture": True}, '"picture" must be the place'),
        ({"id": "x", "correct": True, "picture": -1}, '"picture" must be the place'),
        ({"id": "x", "correct": True, "picture": 10**30}, '"picture" must be the place'),
        ({"id": "x", "correct": True, "label": ""}, '"label" must be the name of a class'),
        ({"id": "x", "correct": True, "label": " "}, '"label" must be the name of a class'),
        ({"id": "x", "correct": True, "label": "a" * 101}, '"label" must be the name of a class'),
        ({"id": "x", "correct": True, "label": "a\0b"}, '"label" must be the name of a class'),
        ({"id": "x", "correct": True, "label": "\ud800"}, '"label" must be the name of a class'),
        ({"id": "x", "correct": True, "labl": "a"}, 'Feedback has "id", "picture", "correct"'),
    ],
)
def test_feedback_that_is_none(service: Within, said: Any, detail: str) -> None:
    """Every rule that is broken is named."""
    answer = service.send("/feedback", said)
    assert answer.status == 422
    assert answer.json()["detail"].startswith(detail)


def test_feedback_without_a_journal(service: Within) -> None:
    """Nobody is told that something was kept where nothing is; nor that it is worth coming back."""
    answer = service.send("/feedback", {"id": "x", "correct": True})
    assert answer.status == 503
    assert answer.json()["detail"] == "This service keeps no journal, and so no feedback."
    assert "retry-after" not in answer.headers
    assert service.ask("GET", "/feedback").status == 405
    assert service.post("/feedback", b"{}", "text/plain").status == 415
    assert service.send("/feedback", {"id": "x" * 20_000}).status == 413


def test_the_docs(service: Within) -> None:
    """The docs have every address of the description, a line to try it with the host that was
    asked, and nothing from elsewhere."""
    page = service.ask("GET", "/docs").body.decode()
    api = service.ask("GET", "/openapi.json").json()
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in page
            assert operation["summary"] in page
    assert f"curl -F picture=@photo.jpg http://127.0.0.1:{service.port}/predict" in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)


@pytest.mark.parametrize("host", ["evil.example;rm", "a b", "x'y", "<script>", "x" * 300])
def test_docs_under_a_strange_name(service: Within, host: str) -> None:
    """What is pasted into a shell holds no name that would do something there."""
    page = service.ask("GET", "/docs", headers={"host": host}).body.decode()
    assert "curl -F picture=@photo.jpg http://127.0.0.1/predict" in page


def test_every_address_is_described(service: Within) -> None:
    """What the service answers and what it says that it answers are the same."""
    api = service.ask("GET", "/openapi.json").json()
    for path, methods in api["paths"].items():
        known = path.replace("{model}", "patterns").replace("{version}", "1")
        other = "GET" if "post" in methods else "POST"
        assert service.ask(other, known).status == 405, path
        assert service.ask("GET", known).status in (200, 405), path


def test_keys(tmp_path: Path) -> None:
    """Where there are keys, whatever answers for pictures asks for one, and the docs say so; what
    machines look at does not. A key that is taken away opens nothing any more."""
    file = tmp_path / "keys"
    key = keys.add(str(file), "me")
    with shared(keys=str(file)) as service:
        api = service.ask("GET", "/openapi.json").json()
        assert set(api["components"]["securitySchemes"]) == {"bearer", "header"}
        for path, methods in api["paths"].items():
            known = path.replace("{model}", "patterns").replace("{version}", "1")
            for method, operation in methods.items():
                answer = service.ask(method.upper(), known)
                assert (answer.status == 401) == ("security" in operation), path
        answer = service.post("/predict", PNG)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert service.post("/predict", PNG, authorization=f"bearer {key}").status == 200
        assert service.post("/predict", PNG, x_api_key=key).status == 200
        for wrong in ("", "Bearer", f"Basic {key}", f"Bearer {key}x", "Bearer \u00fc"):
            assert service.post("/predict", PNG, authorization=wrong).status == 401
        assert "Authorization: Bearer KEY" in service.ask("GET", "/docs").body.decode()
        assert key not in service.log.getvalue()


def test_rates() -> None:
    """Who asks for more than a share is told when to come back; others are not touched."""
    with shared(rate=0.5) as service:
        assert (
            "429"
            in service.ask("GET", "/openapi.json").json()["paths"]["/predict"]["post"]["responses"]
        )
        assert service.post("/predict", PNG).status == 200
        answer = service.post("/predict", PNG)
        assert answer.status == 429
        assert answer.json()["detail"] == "This key may ask for 0.5 pictures a second."
        assert 1 <= int(answer.headers["retry-after"]) <= 2
        assert service.ask("GET", "/readyz").status == 200


def test_other_pages() -> None:
    """Pages from elsewhere may not read answers, unless their origin was named."""
    origin = {"origin": "https://app.example"}
    with shared(cors=("https://app.example",)) as service:
        for status, content in ((200, PNG), (422, BROKEN)):
            answer = service.ask(
                "POST", "/predict", content, {"content-type": "image/png", **origin}
            )
            assert answer.status == status
            assert answer.headers["access-control-allow-origin"] == "https://app.example"
        answer = service.ask("GET", "/livez", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers


def test_no_other_pages(service: Within) -> None:
    """None was named."""
    answer = service.ask("GET", "/livez", headers={"origin": "https://app.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_what_every_answer_has(service: Within) -> None:
    """An id, given back where a good one came, and headers that keep browsers careful."""
    answer = service.ask("GET", "/nothing", headers={"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    answer = service.ask("GET", "/nothing", headers={"x-request-id": "a b\tc"})
    assert re.fullmatch(r"[0-9a-f]{24}", answer.headers["x-request-id"])
    assert answer.json()["instance"].endswith(answer.headers["x-request-id"])


def test_no_pictures_in_the_log(service: Within) -> None:
    """Neither pictures nor what is in their files is written to the log."""
    service.send("/predict", {"pictures": [base64.b64encode(PNG).decode()]})
    text = service.log.getvalue()
    assert base64.b64encode(PNG).decode()[:40] not in text
    assert json.dumps(PNG.decode("latin-1"))[1:40] not in text
    assert header(PNG).format == "PNG"


def test_the_classes(service: Within) -> None:
    """As many as were asked for."""
    told = service.post("/predict?top=100000", PNG).json()["predictions"][0]
    assert {one["label"] for one in told["top"]} == set(made.CLASSES)
    assert len(service.post("/predict?top=1", PNG).json()["predictions"][0]["top"]) == 1
