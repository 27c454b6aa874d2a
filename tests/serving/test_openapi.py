"""The description of the interface, held against the service by requests made up from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from bakeoff.serving.openapi import described
from bakeoff.serving.settings import Settings
from tests.champion import made
from tests.serving.shared import shared
from tests.serving.within import Within

schemathesis = pytest.importorskip("schemathesis")
pytest.importorskip("onnxruntime")

API = described(Settings(champion=None), model="patterns", classes=made.CLASSES)
OPERATIONS = [
    (path, method.upper()) for path, methods in API["paths"].items() for method in methods
]
FEW, MANY = 12, 300


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Within]:
    """With a journal, as feedback wants."""
    folder: Path = tmp_path_factory.mktemp("service")
    with shared(journal=str(folder / "journal.sqlite")) as one:
        yield one


def checks() -> list[Any]:
    """Statuses, kinds and shapes are those that are described, and none is 500. That what fits the
    description is accepted is not asked: no description tells a picture from other bytes."""
    from schemathesis.specs.openapi import checks as known

    return [
        known.status_code_conformance,
        known.content_type_conformance,
        known.response_headers_conformance,
        known.response_schema_conformance,
    ]


def hold(service: Within, path: str, method: str, mode: str, count: int) -> Counter[int]:
    """Send made-up requests, and hold the answers against the description."""
    schema = schemathesis.openapi.from_dict(API)
    operation = schema[path][method]
    found: Counter[int] = Counter()
    held = checks()

    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode]))
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def run(case: Any) -> None:
        if "version" in (case.path_parameters or {}):
            case.path_parameters["version"] = "1"
        answer = case.call(base_url=f"http://127.0.0.1:{service.port}")
        found[answer.status_code] += 1
        # That there is no room, or no time within the deadline that was asked for, is an answer.
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        case.validate_response(answer, checks=held)

    run()
    return found


def test_it_is_what_the_service_says(service: Within) -> None:
    """The service gives the description that these tests are made from, with its own limits."""
    assert service.ask("GET", "/openapi.json").json() == API


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_are_as_described(service: Within, path: str, method: str) -> None:
    """Requests that fit the description get answers that do."""
    found = hold(service, path, method, "POSITIVE", FEW)
    assert found
    if method == "GET":
        assert set(found) == {200}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", [path for path, method in OPERATIONS if method == "POST"])
def test_refusals_are_as_described(service: Within, path: str) -> None:
    """So do requests that do not fit it, and these are refused."""
    hold(service, path, "POST", "NEGATIVE", FEW)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
@pytest.mark.parametrize("path", ["/predict", "/explain", "/v2/models/{model}/infer"])
def test_many_answers_are_as_described(service: Within, path: str, mode: str) -> None:
    """And many of either kind."""
    hold(service, path, "POST", mode, MANY)


def test_keys_and_rates() -> None:
    """Where there are keys and rates, they are described, and what is refused for want of them."""
    api = described(
        Settings(champion=None, keys="file", rate=1.0), model="patterns", classes=made.CLASSES
    )
    for path, operations in api["paths"].items():
        for operation in operations.values():
            needs = path.startswith(("/predict", "/explain", "/feedback", "/invoc", "/metrics"))
            needs = needs or path.endswith("/infer")
            assert ("401" in operation["responses"]) == ("security" in operation) == needs, path
    assert "429" in api["paths"]["/predict"]["post"]["responses"]
    assert "429" not in API["paths"]["/predict"]["post"]["responses"]
    assert "securitySchemes" not in API["components"]
