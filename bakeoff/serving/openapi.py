"""What the service takes and gives, as OpenAPI 3.1: one value, for programs, the docs and tests."""

from __future__ import annotations

from typing import Any

from bakeoff.serving.schemas import SCHEMAS, ref
from bakeoff.serving.settings import Settings
from bakeoff.version import __version__

__all__ = ["described"]

Facts = dict[str, Any]


def described(settings: Settings, *, model: str, classes: tuple[str, ...]) -> Facts:
    """The interface of a service with these settings, for a champion of this name."""
    has_keys = settings.keys is not None
    paths: dict[str, Facts] = {}
    for path, method, operation in _operations(settings, model, classes):
        needs_key = has_keys and operation.pop("x-key", False)
        operation.pop("x-key", None)
        if needs_key:
            operation["security"] = [{"bearer": []}, {"header": []}]
            operation["responses"] |= _problems(401)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        paths.setdefault(path, {})[method] = operation
    components: Facts = {"schemas": SCHEMAS}
    if has_keys:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Bakeoff: {model}", "version": __version__, "description": _ABOUT},
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": components,
    }


_ABOUT = (
    "Pictures in, answers out. Every error is a problem in the sense of RFC 9457, and says in "
    "`detail` what is wrong. Where the service is full it answers 503, and 429 where a key has "
    "used up its share; `Retry-After` says when to come back. Addresses are never fetched: send "
    "the pictures themselves."
)
_TAGS = {
    "Answers": "Pictures and what is said of them.",
    "Open Inference Protocol": "Version 2, as KServe, Triton and their clients speak it.",
    "SageMaker": "What Amazon SageMaker asks of a container.",
    "Service": "Whether it lives, and what it is.",
}
_WORDS = {
    400: "The request cannot be read.",
    401: "A key is needed, or this one opens nothing.",
    404: "There is no such thing here.",
    408: "The request did not arrive in time.",
    413: "Too large, or too many pictures.",
    415: "Not a kind of body that is understood.",
    422: "A picture cannot be opened, or a value breaks a rule.",
    429: "This key has asked for too much; Retry-After says when to come back.",
    431: "The head of the request is too large.",
    503: "More is asked than can be answered just now; Retry-After says when to come back.",
}
_ASKING = (400, 408, 413, 415, 422, 431, 503)


def _problems(*statuses: int) -> Facts:
    found: Facts = {}
    for status in statuses:
        found[str(status)] = {
            "description": _WORDS[status],
            "content": {"application/problem+json": {"schema": ref("Problem")}},
        }
        if status in (429, 503):
            found[str(status)]["headers"] = {
                "Retry-After": {
                    "description": "Whole seconds.",
                    "schema": {"type": "integer", "minimum": 1},
                }
            }
    return found


def _answer(name: str, text: str, example: Any = None) -> Facts:
    content: Facts = {"schema": ref(name)}
    if example is not None:
        content["example"] = example
    return {"description": text, "content": {"application/json": content}}


def _operations(
    settings: Settings, model: str, classes: tuple[str, ...]
) -> list[tuple[str, str, Facts]]:
    asking = (*_ASKING, 429) if settings.rate is not None else _ASKING
    top = _query("top", {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 5})
    top["description"] = "How many classes are told, the likeliest first."
    label = _query("class", {"type": "string"}, example=classes[0])
    label["description"] = "The class that is asked about; the likeliest, if none is named."
    predicts: Facts = {
        "operationId": "predict",
        "tags": ["Answers"],
        "summary": "What is in some pictures",
        "description": (
            "A picture as it is, pictures in a form, or JSON with pictures in base64. There is "
            "one answer for each picture, in their order. A broken picture is an error of its "
            "own among others, and 422 where it is the only one."
        ),
        "parameters": [top, _DEADLINE],
        "requestBody": _pictures(),
        "responses": {
            "200": _answer("Answer", "An answer for each picture.", _example(model, classes)),
            **_problems(*asking),
        },
        "x-key": True,
    }
    invocations = {
        **predicts,
        "operationId": "invocations",
        "tags": ["SageMaker"],
        "summary": "What is in some pictures, at the address that SageMaker uses",
        "responses": dict(predicts["responses"]),
    }
    return [
        ("/predict", "post", predicts),
        ("/explain", "post", _explain(label, asking)),
        ("/feedback", "post", _feedback(classes)),
        *_protocol(asking, model),
        ("/ping", "get", _state("ping", "Ready", "SageMaker", "Whether it takes requests")),
        ("/invocations", "post", invocations),
        *_service(),
    ]


def _query(name: str, schema: Facts, **more: Any) -> Facts:
    return {"name": name, "in": "query", "required": False, "schema": schema, **more}


_DEADLINE = {
    "name": "X-Deadline-Ms",
    "in": "header",
    "required": False,
    "description": "Milliseconds after which the answer is of no use any more.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
}
_KINDS = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff")


def _pictures() -> Facts:
    content: Facts = {kind: {"schema": {}} for kind in (*_KINDS, "application/octet-stream")}
    content["multipart/form-data"] = {"schema": ref("Form")}
    content["application/json"] = {"schema": ref("Pictures")}
    return {"required": True, "content": content}


def _explain(label: Facts, asking: tuple[int, ...]) -> Facts:
    shown = _answer("Explanation", "Where it was found, laid over the picture.")
    shown["content"]["image/png"] = {"schema": {}}
    return {
        "operationId": "explain",
        "tags": ["Answers"],
        "summary": "Where in a picture a class was found",
        "description": (
            "Parts of the picture are hidden in turn, which costs as much as 59 answers: it is "
            "done one at a time, and refused in a crowd. With `Accept: image/png` the answer is "
            "the overlay itself."
        ),
        "parameters": [label, _DEADLINE],
        "requestBody": _pictures(),
        "responses": {"200": shown, **_problems(*asking)},
        "x-key": True,
    }


def _feedback(classes: tuple[str, ...]) -> Facts:
    example = {"id": "9f86d081884c7d65", "picture": 0, "correct": False, "label": classes[0]}
    body = {"schema": ref("Feedback"), "example": example}
    return {
        "operationId": "feedback",
        "tags": ["Answers"],
        "summary": "Say whether an answer was right",
        "description": (
            "Feedback goes to the journal, and from there to the next champion's training. The "
            "class may be a new one. A later word on the same picture replaces an earlier one."
        ),
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": _answer("Heard", "It is kept."),
            **_problems(400, 404, 408, 413, 415, 422, 431, 503),
        },
        "x-key": True,
    }


def _protocol(asking: tuple[int, ...], model: str) -> list[tuple[str, str, Facts]]:
    tag = "Open Inference Protocol"
    found = [
        ("/v2", "get", _get("v2_server", "Server", tag, "What the server is")),
        ("/v2/health/live", "get", _get("v2_live", "Live", tag, "Whether it lives")),
        (
            "/v2/health/ready",
            "get",
            _state("v2_ready", "Ready", tag, "Whether it takes requests"),
        ),
    ]
    values = {"model": {"enum": [model]}, "version": {"type": "string", "pattern": "^[0-9]{1,9}$"}}
    for path, more in (("/v2/models/{model}", ""), (_VERSIONED, "_version")):
        names = ["model", "version"] if more else ["model"]
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": values[name]} for name in names
        ]
        about = _get(f"v2_model{more}", "Model", tag, "What a model takes and gives")
        ready = _state(f"v2_model_ready{more}", "ModelReady", tag, "Whether a model is ready")
        infer = _infer(f"v2_infer{more}", tag, asking)
        for one in (about, ready, infer):
            one["parameters"] = [*parameters, *one.get("parameters", ())]
            one["responses"] |= _problems(404)
        found += [
            (path, "get", about),
            (f"{path}/ready", "get", ready),
            (f"{path}/infer", "post", infer),
        ]
    return found


_VERSIONED = "/v2/models/{model}/versions/{version}"


def _infer(operation: str, tag: str, asking: tuple[int, ...]) -> Facts:
    after = "Bytes of the body that are JSON, where tensors follow it as they are."
    header = {"name": "Inference-Header-Content-Length", "in": "header", "required": False}
    answer = _answer("Inferred", "The tensors that were asked for.")
    answer["content"]["application/octet-stream"] = {"schema": {}}
    return {
        "operationId": operation,
        "tags": [tag],
        "summary": "What is in some pictures, as tensors",
        "description": (
            "One tensor goes in: BYTES, whose elements are picture files (in base64 where they "
            "stand in JSON), or UINT8 [pictures, height, width, 3] with pixels of any size. "
            "`label`, `probability`, `probabilities` and `none_of_these` come out."
        ),
        "parameters": [{**header, "description": after, "schema": {"type": "integer"}}, _DEADLINE],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ref("Infer")},
                "application/octet-stream": {"schema": {}},
            },
        },
        "responses": {"200": answer, **_problems(*(one for one in asking if one != 415))},
        "x-key": True,
    }


def _service() -> list[tuple[str, str, Facts]]:
    tag = "Service"
    metrics = _get("metrics", "Live", tag, "Counts and times, for Prometheus")
    metrics["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    metrics["x-key"] = True
    described_ = _get("openapi", "Anything", tag, "This description")
    docs = _get("docs", "Anything", tag, "This description, to be read by people")
    docs["responses"]["200"]["content"] = {"text/html": {"schema": {"type": "string"}}}
    return [
        ("/livez", "get", _get("livez", "Live", tag, "Whether it lives")),
        ("/readyz", "get", _state("readyz", "Ready", tag, "Whether it takes requests")),
        ("/healthz", "get", _get("healthz", "Anything", tag, "How it is, for people who look")),
        ("/version", "get", _get("version", "Version", tag, "Which model answers")),
        ("/metrics", "get", metrics),
        ("/openapi.json", "get", described_),
        ("/docs", "get", docs),
    ]


def _get(operation: str, schema: str, tag: str, summary: str) -> Facts:
    return {
        "operationId": operation,
        "tags": [tag],
        "summary": summary,
        "responses": {"200": _answer(schema, "As asked."), **_problems(400, 431)},
    }


def _state(operation: str, schema: str, tag: str, summary: str) -> Facts:
    found = _get(operation, schema, tag, summary)
    found["responses"]["503"] = _answer(schema, "Not any more: it is about to end.")
    return found


def _example(model: str, classes: tuple[str, ...]) -> Facts:
    first, second = classes[0], classes[-1]
    return {
        "id": "9f86d081884c7d65",
        "model": {"name": model, "digest": "e3b0c44298fc1c14…", "version": 1},
        "predictions": [
            {
                "name": "photo.jpg",
                "label": first,
                "probability": 0.912,
                "top": [
                    {"label": first, "probability": 0.912},
                    {"label": second, "probability": 0.061},
                ],
                "none_of_these": False,
                "strangeness": 1.84,
            }
        ],
        "timings_ms": {"decode": 2.1, "queue": 0.1, "infer": 6.4, "total": 8.9},
    }
