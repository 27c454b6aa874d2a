"""champion.json: written, read, older, newer, wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bakeoff.champion import record
from bakeoff.champion.record import Unknown
from bakeoff.spec.errors import DataError
from tests.champion import made

UNKNOWN = Unknown(
    method="energy",
    threshold=-3.5,
    false_alarms=0.05,
    foreign=({"name": "noise", "pictures": 100, "found": 0.9},),
)


def document(**changes: Any) -> str:
    """A document with some fields changed; None leaves one out."""
    told = json.loads(record.dumps(replace(made.record_of(), unknown=UNKNOWN)))
    for name, value in changes.items():
        told[name] = value
        if value is None and name != "unknown":
            del told[name]
    return json.dumps(told)


def refused(text: str | bytes) -> str:
    """What is said of a document, in one paragraph."""
    with pytest.raises(DataError) as caught:
        record.loads(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("unknown", [None, UNKNOWN])
def test_round_trip(unknown: Unknown | None) -> None:
    """What is written is read again, to the last field."""
    one = replace(made.record_of(), unknown=unknown)
    assert record.loads(record.dumps(one)) == one


def test_what_is_optional_may_be_missing() -> None:
    """Notes are the one field with a default."""
    assert record.loads(document(notes=None)).notes == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": None}, "champion.json: classes is required and is missing."),
        (
            {"temprature": 1.0},
            "champion.json: temprature is not a field. Did you mean 'temperature'?",
        ),
        ({"name": 3}, "champion.json: name must be text, but is 3."),
        ({"seed": True}, "champion.json: seed must be a whole number, but is True."),
        ({"temperature": "1"}, "champion.json: temperature must be a finite number, but is '1'."),
        ({"temperature": 0}, "champion.json: temperature must be above 0, but is 0."),
        ({"classes": ["a"]}, "champion.json: classes must be two or more, all different."),
        ({"classes": ["a", "a"]}, "champion.json: classes must be two or more, all different."),
        ({"classes": ["a", 1]}, "champion.json: classes must be a list of texts"),
        ({"metrics": []}, "champion.json: metrics must be an object, but is []."),
        ({"weights": 3}, "champion.json: weights must be a JSON object, but is 'int'."),
        (
            {"weights": {"dtype": "int4", "parameters": 1}},
            "champion.json: weights: dtype must be 'float32' or 'float16', but is 'int4'.",
        ),
        (
            {"unknown": {"method": "energy"}},
            "champion.json: unknown: threshold is required and is missing.",
        ),
        ({"kind": "run"}, "champion.json must be a JSON object of the kind 'champion'."),
        ({"schema": "1"}, "champion.json: schema must be a whole number from 0 on, but is '1'."),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], message: str) -> None:
    """Every field that is missing, foreign or of another type is named, with a way out."""
    said = refused(document(**changes))
    assert said.startswith(message)
    assert said.endswith("Make the champion again, or get it again from where it came from.")


def test_a_method_that_is_not_known() -> None:
    """A way to tell what is foreign that this Bakeoff has not got is found before any picture."""
    other = record.dumps(replace(made.record_of(), unknown=replace(UNKNOWN, method="aura")))
    assert refused(other) == (
        "champion.json: unknown: method must be 'energy' or 'doubt', which this Bakeoff knows, but "
        "is 'aura'. Use the Bakeoff that wrote it."
    )


@pytest.mark.parametrize("text", ["", "[]", "{", b"\xff\xfe", "[" * 9999, "null"])
def test_what_is_no_document(text: str | bytes) -> None:
    """Anything else is refused in words."""
    assert refused(text).startswith("champion.json must be ")


def test_an_infinite_temperature_is_refused() -> None:
    """JSON as Python writes it knows infinity; a champion does not."""
    assert "must be a finite number" in refused(document(temperature=float("inf")))


def test_a_newer_schema() -> None:
    """What a newer Bakeoff wrote is not guessed at."""
    assert refused(document(schema=2, brand_new=1)) == (
        "champion.json: schema is 2, and this Bakeoff reads up to 1. Use the Bakeoff that wrote it."
    )


ANCIENT = '{"schema": 0, "kind": "champion", "recipe": "patterns", "labels": ["a", "b"]}'
"""Before anything was calibrated: never released."""


def test_schema_0_is_refused_with_its_reason() -> None:
    """What an old document does not say cannot be made up."""
    assert refused(ANCIENT) == (
        "champion.json: schema is 0, which says too little for what schema 1 promises. "
        "Make the champion again, with: bakeoff champion DIR"
    )


def test_an_older_schema_is_brought_up_to_date() -> None:
    """Where there is a way from an old schema to the next, it is taken; the result is checked like
    any other."""

    def grown(told: dict[str, Any]) -> dict[str, Any]:
        newest = json.loads(record.dumps(made.record_of()))
        return {**newest, "name": told["recipe"], "classes": told["labels"]}

    found = record.loads(ANCIENT, migrations={0: grown})
    assert found == replace(made.record_of(), classes=("a", "b"))
    with pytest.raises(DataError, match="name is required and is missing"):
        record.loads(ANCIENT, migrations={0: lambda told: {"kind": "champion"}})
