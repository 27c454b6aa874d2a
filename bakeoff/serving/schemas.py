"""The shapes of what goes in and out, as JSON Schema."""

from __future__ import annotations

from typing import Any

__all__ = ["LABEL", "SCHEMAS", "ref"]

LABEL = 100
"""Characters of a class's name that feedback may have."""

Facts = dict[str, Any]


def ref(name: str) -> Facts:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Facts, optional: Facts | None = None, *, closed: bool = False) -> Facts:
    found: Facts = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }
    if closed:
        found["additionalProperties"] = False
    return found


def _list(items: Facts, **more: Any) -> Facts:
    return {"type": "array", "items": items, **more}


_TEXT: Facts = {"type": "string"}
_NUMBER: Facts = {"type": "number"}
_SHARE: Facts = {"type": "number", "minimum": 0, "maximum": 1}
_WHETHER: Facts = {"type": "boolean"}
_MAYBE_TEXT: Facts = {"type": ["string", "null"]}
_BASE64: Facts = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "A picture file; `data:image/png;base64,` may stand before it.",
}
_ID: Facts = {"type": "string", "description": "Of the request; feedback names it."}

_MODEL = _object({"name": _TEXT, "digest": _TEXT, "version": {"type": "integer", "minimum": 1}})

_PROBLEM = _object(
    {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, in a sentence."},
    },
    {
        "instance": {"type": "string", "description": "The request's id."},
        "retry_after": {"type": "number", "description": "Seconds."},
        "error": {"type": "string", "description": "The same as `detail`, under /v2."},
    },
)

_PREDICTION = _object(
    {
        "name": {**_MAYBE_TEXT, "description": "Of the file, if it came with one."},
        "label": {"type": "string", "description": "The likeliest class."},
        "probability": {**_SHARE, "description": "Of that class, calibrated."},
        "top": _list(_object({"label": _TEXT, "probability": _SHARE})),
        "none_of_these": {
            "type": ["boolean", "null"],
            "description": "Whether it looks like none of the classes.",
        },
        "strangeness": {
            "type": ["number", "null"],
            "description": "How little it looks like any of them; null where not measured.",
        },
    }
)

_TENSOR = _object(
    {
        "name": _TEXT,
        "shape": _list({"type": "integer", "minimum": 1}, minItems=1, maxItems=4),
        "datatype": {"enum": ["BYTES", "UINT8"]},
    },
    {
        "data": {
            "type": "array",
            "description": "Files in base64, or numbers from 0 to 255; nested or not.",
        },
        "parameters": {
            "type": "object",
            "properties": {"binary_data_size": {"type": "integer"}},
        },
    },
)

_WANTED = _object(
    {"name": {"enum": ["label", "probability", "probabilities", "none_of_these"]}},
    {"parameters": {"type": "object", "properties": {"binary_data": _WHETHER}}},
)

_OUTPUT = _object(
    {
        "name": _TEXT,
        "datatype": {"enum": ["BYTES", "FP32", "BOOL"]},
        "shape": _list({"type": "integer"}),
    },
    {
        "data": {"type": "array"},
        "parameters": _object({"binary_data_size": {"type": "integer"}}),
    },
)

_METADATA = _list(_object({"name": _TEXT, "datatype": _TEXT, "shape": _list({"type": "integer"})}))

SCHEMAS: dict[str, Facts] = {
    "Problem": _PROBLEM,
    "Form": {
        "type": "object",
        "description": "Every part that is a file is a picture; names of fields do not matter.",
        "properties": {"picture": _list({"type": "string", "format": "binary"}, minItems=1)},
        "required": ["picture"],
    },
    "Pictures": _object(
        {
            "pictures": _list(
                {"oneOf": [_BASE64, _object({"data": _BASE64}, {"name": _MAYBE_TEXT})]},
                minItems=1,
            )
        }
    ),
    "Answer": _object(
        {
            "id": _ID,
            "model": _MODEL,
            "predictions": _list(
                {"oneOf": [_PREDICTION, _object({"name": _MAYBE_TEXT, "error": ref("Problem")})]}
            ),
            "timings_ms": _object(
                {"decode": _NUMBER, "queue": _NUMBER, "infer": _NUMBER, "total": _NUMBER}
            ),
        }
    ),
    "Explanation": _object(
        {
            "id": _ID,
            "model": _MODEL,
            "label": _TEXT,
            "probability": _SHARE,
            "method": {"enum": ["gradcam", "attention", "occlusion"]},
            "flat": {**_WHETHER, "description": "Whether no part speaks for it more than others."},
            "overlay": {"type": "string", "description": "A PNG, as a data: address."},
        }
    ),
    "Feedback": _object(
        {"id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}, "correct": _WHETHER},
        {
            "picture": {"type": "integer", "minimum": 0, "maximum": 99_999, "default": 0},
            "label": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": LABEL,
                "description": "The right class: one that the champion has, or a new one.",
            },
        },
        closed=True,
    ),
    "Heard": _object({"id": _TEXT, "picture": {"type": "integer"}, "outcome": {"const": "kept"}}),
    "Infer": _object(
        {"inputs": _list(_TENSOR, minItems=1, maxItems=1)},
        {
            "id": {"type": "string", "maxLength": 256},
            "outputs": _list(_WANTED, maxItems=16),
            "parameters": {
                "type": "object",
                "properties": {"binary_data_output": _WHETHER},
            },
        },
    ),
    "Inferred": _object(
        {"model_name": _TEXT, "model_version": _TEXT, "id": _TEXT, "outputs": _list(_OUTPUT)}
    ),
    "Server": _object({"name": _TEXT, "version": _TEXT, "extensions": _list(_TEXT)}),
    "Model": _object(
        {
            "name": _TEXT,
            "versions": _list(_TEXT),
            "platform": _TEXT,
            "inputs": _METADATA,
            "outputs": _METADATA,
        },
        {"parameters": _object({"digest": _TEXT, "classes": _list(_TEXT)})},
    ),
    "ModelReady": _object({"name": _TEXT, "ready": _WHETHER}),
    "Live": _object({"live": {"const": True}}),
    "Ready": _object({"ready": _WHETHER}),
    "Version": _object({"bakeoff": _TEXT, "model": _MODEL}),
    "Anything": {"type": "object"},
}
