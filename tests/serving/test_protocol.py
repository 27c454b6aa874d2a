"""The Open Inference Protocol, version 2."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bakeoff.champion.prediction import Prediction
from bakeoff.data.decode import decode
from tests.champion import made
from tests.serving.running import Answer
from tests.serving.shared import PNG, shared
from tests.serving.within import Within

pytest.importorskip("onnxruntime")

MODEL = "/v2/models/patterns"
OTHER = made.encoded(made.picture(2, 4), "JPEG")


@pytest.fixture(scope="module")
def service() -> Iterator[Within]:
    """Shared by all."""
    with shared() as one:
        yield one


def base64_of(content: bytes) -> str:
    """As text."""
    return base64.b64encode(content).decode()


def tensor(*contents: bytes) -> dict[str, Any]:
    """Files as a tensor in JSON."""
    data = [base64_of(one) for one in contents]
    return {"name": "p", "shape": [len(contents)], "datatype": "BYTES", "data": data}


def infer(service: Within, **said: Any) -> Answer:
    """A request."""
    return service.send(f"{MODEL}/infer", said)


def outputs(answer: Answer) -> dict[str, Any]:
    """Data by the names of tensors."""
    assert answer.status == 200, answer.body
    return {one["name"]: one["data"] for one in answer.json()["outputs"]}


def said(service: Within, content: bytes) -> Prediction:
    """What the champion says."""
    return service.service.live.current.champion.predict(content)


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", f"{MODEL}/ready"])
def test_health(service: Within, path: str) -> None:
    """The server and its model are alive and ready."""
    assert service.ask("GET", path).status == 200


def test_not_ready(service: Within) -> None:
    """A service that is about to end is alive and not ready."""
    service.service.draining = True
    try:
        assert service.ask("GET", "/v2/health/live").status == 200
        for path in ("/v2/health/ready", f"{MODEL}/ready", "/ping", "/readyz"):
            answer = service.ask("GET", path)
            assert (answer.status, answer.json()["ready"]) == (503, False)
    finally:
        service.service.draining = False


def test_what_is_there(service: Within) -> None:
    """The server tells its name, and of the model what goes in and comes out."""
    assert service.ask("GET", "/v2").json()["extensions"] == ["binary_tensor_data"]
    told = service.ask("GET", MODEL).json()
    assert told == service.ask("GET", f"{MODEL}/versions/1").json()
    assert told["name"] == "patterns"
    assert told["versions"] == ["1"]
    assert told["platform"] == "bakeoff_onnxruntime"
    assert told["inputs"] == [{"name": "pictures", "datatype": "BYTES", "shape": [-1]}]
    assert {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]} in told["outputs"]
    assert told["parameters"]["classes"] == list(made.CLASSES)


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v2/models/other", "There is no model of this name here; there is patterns."),
        (f"{MODEL}/versions/7", "This version is not served; version 1 is."),
        (f"{MODEL}/versions/7/ready", "This version is not served; version 1 is."),
        ("/v2/nothing", "There is nothing at this address; /docs lists what there is."),
    ],
)
def test_what_is_not_there(service: Within, path: str, detail: str) -> None:
    """Other models and versions are not found; the error has the protocol's name too."""
    answer = service.ask("GET", path)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"] == answer.json()["detail"] == detail


def test_files_in_json(service: Within) -> None:
    """Pictures in base64 are answered with the champion's own numbers, in order, under the id
    that came with them."""
    answer = infer(service, id="mine", inputs=[tensor(PNG, OTHER)])
    found = outputs(answer)
    assert answer.json()["id"] == "mine"
    assert answer.json()["model_version"] == "1"
    expected = [said(service, one) for one in (PNG, OTHER)]
    assert found["label"] == [one.label for one in expected]
    assert found["probability"] == pytest.approx([one.probability for one in expected], abs=1e-6)
    # The protocol knows no null: what was not measured is not called foreign.
    assert found["none_of_these"] == [False, False]
    rows = np.array(found["probabilities"]).reshape(2, 3)
    for row, one in zip(rows, expected, strict=True):
        assert row == pytest.approx([one.probabilities[name] for name in made.CLASSES], abs=1e-6)


def test_only_what_is_asked_for(service: Within) -> None:
    """Outputs that are named come in their order, and no others."""
    answer = infer(
        service, inputs=[tensor(PNG)], outputs=[{"name": "probability"}, {"name": "label"}]
    )
    assert list(outputs(answer)) == ["probability", "label"]


@pytest.mark.parametrize("nested", [True, False])
def test_pixels(service: Within, nested: bool) -> None:
    """Pixels of any size are answered as the same picture in a file is."""
    pixels = decode(PNG)
    data = [pixels.tolist()] if nested else pixels.ravel().tolist()
    given = {"name": "p", "shape": [1, *pixels.shape], "datatype": "UINT8", "data": data}
    found = outputs(infer(service, inputs=[given]))
    assert found["probability"] == pytest.approx([said(service, PNG).probability], abs=1e-6)


def binary(
    service: Within, given: dict[str, Any], behind: bytes, *, path: str = f"{MODEL}/infer"
) -> Answer:
    """A request with a tensor behind the JSON, and answers there as well."""
    inputs = [{**given, "parameters": {"binary_data_size": len(behind)}}]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    size = {"inference_header_content_length": str(len(head))}
    return service.post(path, head + behind, "application/octet-stream", **size)


def unpacked(answer: Answer) -> dict[str, bytes]:
    """Tensors behind the JSON of an answer."""
    assert answer.status == 200, answer.body
    size = int(answer.headers["inference-header-content-length"])
    found, at = {}, size
    for one in json.loads(answer.body[:size])["outputs"]:
        length = one["parameters"]["binary_data_size"]
        found[one["name"]], at = answer.body[at : at + length], at + length
    assert at == len(answer.body)
    return found


@pytest.mark.parametrize("path", [f"{MODEL}/infer", f"{MODEL}/versions/1/infer"])
def test_tensors_behind_the_json(service: Within, path: str) -> None:
    """Files go in and numbers come out as they are, without base64."""
    behind = b"".join(struct.pack("<I", len(one)) + one for one in (PNG, OTHER))
    given = {"name": "p", "shape": [2], "datatype": "BYTES"}
    found = unpacked(binary(service, given, behind, path=path))
    expected = [said(service, one) for one in (PNG, OTHER)]
    got = np.frombuffer(found["probability"], "<f4")
    assert got == pytest.approx([one.probability for one in expected], abs=1e-6)
    first = expected[0].label.encode()
    assert found["label"].startswith(struct.pack("<I", len(first)) + first)
    assert found["none_of_these"] == b"\0\0"


def test_pixels_behind_the_json(service: Within) -> None:
    """Pixels go in as they are."""
    pixels = np.stack([decode(PNG)] * 2)
    given = {"name": "p", "shape": list(pixels.shape), "datatype": "UINT8"}
    found = unpacked(binary(service, given, pixels.tobytes()))
    assert len(np.frombuffer(found["probabilities"], "<f4")) == 6


ONE = {"name": "p", "shape": [1], "datatype": "BYTES", "data": [base64_of(PNG)]}


@pytest.mark.parametrize(
    ("given", "status", "detail"),
    [
        ([], 422, 'The request must be a JSON object with "inputs".'),
        ({}, 422, '"inputs" must be a list of one tensor: the pictures.'),
        ({"inputs": [ONE, ONE]}, 422, '"inputs" must be a list of one tensor: the pictures.'),
        ({"inputs": [{**ONE, "shape": [2]}]}, 422, '"shape" [2] is not that of 1 elements.'),
        (
            {"inputs": [{**ONE, "shape": [0]}]},
            422,
            '"shape" must be a list of one to four numbers above 0.',
        ),
        ({"inputs": [{**ONE, "shape": [65]}]}, 413, "A request may have 64 pictures at most."),
        (
            {"inputs": [{**ONE, "data": ["http://x/cat.jpg"]}]},
            422,
            "data[0] is not base64. Addresses are not fetched: send the picture itself.",
        ),
        (
            {"inputs": [{**ONE, "datatype": "FP32"}]},
            422,
            '"datatype" must be BYTES, for files, or UINT8, for pixels.',
        ),
        (
            {"inputs": [{**ONE, "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, 256]}]},
            422,
            '"data" must hold whole numbers from 0 to 255.',
        ),
        (
            {"inputs": [{**ONE, "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, [2], 3]}]},
            422,
            '"data" must hold whole numbers from 0 to 255.',
        ),
        (
            {"inputs": [{**ONE, "datatype": "UINT8", "shape": [1, 2, 1, 3], "data": [1, 2, 3]}]},
            422,
            '"shape" [1, 2, 1, 3] is not that of 3 numbers.',
        ),
        (
            {"inputs": [{**ONE, "datatype": "UINT8", "shape": [3], "data": [1, 2, 3]}]},
            422,
            "Pixels must have the shape [pictures, height, width, 3].",
        ),
        (
            {"inputs": [ONE], "outputs": [{"name": "heat"}]},
            422,
            "There is no output 'heat'; there are label, probability, probabilities, "
            "none_of_these.",
        ),
        ({"inputs": [ONE], "outputs": ["label"]}, 422, 'Each of "outputs" must be an object'),
        ({"inputs": [ONE], "id": 7}, 422, '"id" must be a text of at most 256 characters.'),
        ({"inputs": [ONE], "parameters": 7}, 422, '"parameters" must be an object.'),
        (
            {"inputs": [{**ONE, "data": [base64_of(b"<html>")]}]},
            422,
            "Element 0: the picture is not a picture that can be opened",
        ),
        ({"inputs": [{**ONE, "data": [""]}]}, 422, "A picture has no bytes."),
    ],
)
def test_what_breaks_the_protocol(service: Within, given: Any, status: int, detail: str) -> None:
    """Every rule that is broken is named."""
    answer = service.send(f"{MODEL}/infer", given)
    assert answer.status == status
    assert answer.json()["error"].startswith(detail), answer.json()


@pytest.mark.parametrize(
    ("header", "status"), [("x", 400), ("-1", 400), ("999999", 400), ("2", 422), ("0", 400)]
)
def test_a_wrong_length_of_the_json(service: Within, header: str, status: int) -> None:
    """A length that is no number, or beyond the body, is refused."""
    body = json.dumps({"inputs": [ONE]}).encode()
    answer = service.post(f"{MODEL}/infer", b"{}" + body, inference_header_content_length=header)
    assert answer.status == status


@pytest.mark.parametrize("behind", [struct.pack("<I", 9) + b"1", b"\1", struct.pack("<I", 1)])
def test_elements_that_are_cut_off(service: Within, behind: bytes) -> None:
    """An element that is said to be longer than what is there is refused."""
    answer = binary(service, {"name": "p", "shape": [1], "datatype": "BYTES"}, behind)
    assert answer.status == 422
    assert answer.json()["error"] == "An element is longer than what follows the JSON."


def test_a_name_that_was_given() -> None:
    """A model is known by the name that whoever runs the service gave it, and by no other."""
    with shared(name="birds-2") as service:
        assert service.ask("GET", "/v2/models/birds-2").json()["name"] == "birds-2"
        assert service.ask("GET", "/v2/models/birds-2/ready").json() == {
            "name": "birds-2",
            "ready": True,
        }
        answer = service.send("/v2/models/birds-2/infer", {"inputs": [tensor(PNG)]})
        assert answer.json()["model_name"] == "birds-2"
        refused = service.ask("GET", MODEL)
        assert refused.status == 404
        assert "there is birds-2." in refused.json()["detail"]
