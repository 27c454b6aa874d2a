"""What champion.json says: everything about a champion but its weights and its pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal

from bakeoff.champion.manifest import AGAIN
from bakeoff.evaluation.strangeness import METHODS
from bakeoff.spec.errors import DataError, one_of

__all__ = ["FILE", "SCHEMA", "Record", "Unknown", "Weights", "dumps", "loads"]

FILE = "champion.json"
SCHEMA = 1
"""Version of the artifact. Raised when an old one would be read differently."""

Told = dict[str, Any]

_MIGRATIONS: Mapping[int, Callable[[Told], Told]] = {}
"""By schema: what makes of such a document one of the next schema. Schema 0 was never released,
and says nothing of calibration, which cannot be made up afterwards: it has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """How the weights are kept."""

    dtype: Literal["float32", "float16"]
    parameters: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """From where on a picture is none of the classes."""

    method: str
    threshold: float
    false_alarms: float
    """Share of validation pictures, which are all of some class, that lie above it."""

    foreign: tuple[Mapping[str, Any], ...]
    """What was measured: name, pictures, share that was recognised as foreign."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A champion in facts."""

    name: str
    """Of its recipe."""

    classes: tuple[str, ...]
    temperature: float
    unknown: Unknown | None
    weights: Weights
    seed: int
    made: str
    """When, in UTC: 2026-11-20T14:00:00+00:00."""

    bakeoff: str
    """Version that made it."""

    digests: Mapping[str, str]
    """recipe, data, code."""

    metrics: Mapping[str, Any]
    """What was measured, each number with its n and its interval."""

    data: Mapping[str, Any]
    """What it learnt from: name, plan of the split, counts of the parts, how often the test part
    was opened; and whether the goldens are of it."""

    environment: Mapping[str, Any]
    """Versions and machine of the training."""

    notes: tuple[str, ...] = ()
    """What has to be known before any number is believed."""


def dumps(record: Record) -> str:
    """champion.json."""
    told = {"schema": SCHEMA, "kind": "champion", **asdict(record)}
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def loads(
    text: str | bytes,
    where: str = FILE,
    migrations: Mapping[int, Callable[[Told], Told]] = _MIGRATIONS,
) -> Record:
    """The record in a document that this Bakeoff wrote, or an older one whose documents can be
    brought up to date."""
    told = _migrated(_document(text, where), where, migrations)
    values = _values(Record, told, where, ("schema", "kind"))
    values["weights"] = Weights(**_values(Weights, values["weights"], f"{where}: weights"))
    if values["unknown"] is not None:
        unknown = _values(Unknown, values["unknown"], f"{where}: unknown")
        values["unknown"] = Unknown(**{**unknown, "foreign": tuple(unknown["foreign"])})
    values |= {"classes": tuple(values["classes"]), "notes": tuple(values.get("notes", ()))}
    record = Record(**values)
    _check(record, where)
    return record


def _document(text: str | bytes, where: str) -> Told:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(where, f"must be valid JSON ({error})", suggestion=AGAIN) from None
    if not isinstance(told, dict) or told.get("kind") != "champion":
        raise DataError(where, "must be a JSON object of the kind 'champion'", suggestion=AGAIN)
    return told


def _migrated(told: Told, where: str, migrations: Mapping[int, Callable[[Told], Told]]) -> Told:
    schema = told.get("schema")
    if type(schema) is not int or schema < 0:
        raise DataError(f"{where}: schema", "must be a whole number from 0 on", schema, AGAIN)
    if schema > SCHEMA:
        rule = f"is {schema}, and this Bakeoff reads up to {SCHEMA}"
        raise DataError(f"{where}: schema", rule, suggestion="Use the Bakeoff that wrote it.")
    while schema < SCHEMA:
        if schema not in migrations:
            raise DataError(
                f"{where}: schema",
                f"is {schema}, which says too little for what schema {schema + 1} promises",
                suggestion="Make the champion again, with: bakeoff champion DIR",
            )
        schema += 1
        told = {**migrations[schema - 1](told), "schema": schema}
    return told


def _values(kind: type[Any], told: Any, where: str, beside: tuple[str, ...] = ()) -> Told:
    """The fields of `kind`, none missing and none that it has not, each of about its type."""
    if not isinstance(told, dict):
        raise DataError(where, "must be a JSON object", type(told).__name__, AGAIN)
    known = {one.name: one for one in fields(kind)}
    for name in told:
        if name not in known and name not in beside:
            suggestion = f"{one_of(name, known)} {AGAIN}"
            raise DataError(f"{where}: {name}", "is not a field", suggestion=suggestion)
    values = {}
    for name, field in known.items():
        if name in told:
            values[name] = _fitting(told[name], str(field.type), f"{where}: {name}")
        elif field.default is MISSING:
            raise DataError(f"{where}: {name}", "is required and is missing", None, AGAIN)
    return values


def _fitting(value: Any, hint: str, where: str) -> Any:
    for start, kinds, words in _KINDS:
        if hint.startswith(start):
            fits = isinstance(value, kinds) and not isinstance(value, bool)
            if fits and start == "tuple[str":
                fits = all(isinstance(one, str) for one in list(value))
            if fits and start == "float":
                fits = math.isfinite(float(value))
            if not fits:
                raise DataError(where, f"must be {words}", value, AGAIN)
    return value


_KINDS: tuple[tuple[str, Any, str], ...] = (
    ("str", str, "text"),
    ("int", int, "a whole number"),
    ("float", (int, float), "a finite number"),
    ("tuple[str", list, "a list of texts"),
    ("tuple[Mapping", list, "a list of objects"),
    ("Mapping", dict, "an object"),
)
"""How a field's declared type begins, what JSON gives for it, and what that is called."""


def _check(record: Record, where: str) -> None:
    if len(record.classes) < 2 or len(set(record.classes)) < len(record.classes):
        rule = "must be two or more, all different"
        raise DataError(f"{where}: classes", rule, suggestion=AGAIN)
    if record.temperature <= 0:
        raise DataError(f"{where}: temperature", "must be above 0", record.temperature, AGAIN)
    if record.unknown is not None and record.unknown.method not in METHODS:
        rule = f"must be {' or '.join(map(repr, METHODS))}, which this Bakeoff knows"
        suggestion = "Use the Bakeoff that wrote it."
        raise DataError(f"{where}: unknown: method", rule, record.unknown.method, suggestion)
    if record.weights.dtype not in ("float32", "float16"):
        rule = "must be 'float32' or 'float16'"
        raise DataError(f"{where}: weights: dtype", rule, record.weights.dtype, AGAIN)
