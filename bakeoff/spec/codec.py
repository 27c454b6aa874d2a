"""Declarations ⇄ JSON: exact round trip, schema version, content digest.

`@declaration` makes a frozen, keyword-only, slotted dataclass whose field types are checked when a
value is made, so a declaration that exists is a valid one. Encoding writes every field, defaults
included: a default that changes later must not change what an old file says.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin

from bakeoff.spec.errors import SpecError, one_of

__all__ = ["SCHEMA", "declaration", "decode", "digest", "dumps", "encode", "loads"]

SCHEMA = 1
"""Version of the JSON form. Raised when an old file would be read differently."""

T = TypeVar("T")
C = TypeVar("C", bound=type)

_KINDS: dict[str, type] = {}
_HINTS: dict[type, dict[str, Any]] = {}
_SCALARS: tuple[type, ...] = (bool, int, float, str, type(None))


@dataclass_transform(frozen_default=True, kw_only_default=True)
def declaration(cls: C) -> C:
    """Make `cls` something a user can declare: frozen, keyword-only, slotted, checked, JSON-able.

    A method `check(self)`, where there is one, runs after the types are known to be right and
    raises `SpecError` for what types cannot say.
    """
    made = typing.cast(C, dataclasses.dataclass(frozen=True, kw_only=True, slots=True)(cls))
    if made.__name__ in _KINDS:
        raise TypeError(f"two declarations are named {made.__name__}")
    init = made.__init__  # type: ignore[misc]
    names = tuple(field.name for field in dataclasses.fields(made))

    def checked(self: Any, *args: Any, **values: Any) -> None:
        if args:
            raise SpecError(
                made.__name__,
                "takes its fields by name",
                args[0],
                f"Write {made.__name__}({names[0]}=…)." if names else "",
            )
        _refuse_unknown(made.__name__, values, names)
        for field in dataclasses.fields(made):
            if _required(field) and field.name not in values:
                raise SpecError(f"{made.__name__}.{field.name}", "is required and is missing")
        init(self, **values)
        for name, hint in _hints(made).items():
            value = _fit(f"{made.__name__}.{name}", getattr(self, name), hint)
            object.__setattr__(self, name, value)
        check = getattr(self, "check", None)
        if check is not None:
            check()

    made.__init__ = checked  # type: ignore[misc]
    _KINDS[made.__name__] = made
    return made


def encode(value: object) -> Any:
    """`value` as plain JSON data; a declaration becomes an object with its name under `kind`."""
    if type(value).__name__ in _KINDS and dataclasses.is_dataclass(value):
        fields = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    assert isinstance(value, _SCALARS), f"{type(value).__name__} is not part of a declaration"
    return value


def decode(kind: type[T], data: object, *, path: str = "") -> T:
    """The declaration of type `kind` that `data` describes; the inverse of `encode`."""
    path = path or kind.__name__[0].lower() + kind.__name__[1:]
    return typing.cast(T, _read(path, data, kind))


def dumps(value: object) -> str:
    """`value` as a JSON document with its schema version, for people to read and diff."""
    document = {"schema": SCHEMA, **encode(value)}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def loads(kind: type[T], text: str) -> T:
    """The declaration in a document written by `dumps`."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SpecError(kind.__name__, f"must be valid JSON ({error.msg} at {where})") from None
    if not isinstance(document, dict):
        raise SpecError(kind.__name__, "must be a JSON object", type(document).__name__)
    version = document.pop("schema", None)
    if version != SCHEMA:
        raise SpecError(
            f"{kind.__name__}.schema",
            f"must be {SCHEMA}, the version this Bakeoff reads",
            "missing" if version is None else version,
            "Use the Bakeoff that wrote the file, or write it again with this one.",
        )
    return decode(kind, document)


def digest(value: object) -> str:
    """SHA-256 of what `value` says, the same on every machine."""
    text = json.dumps(
        [SCHEMA, encode(value)], sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _hints(cls: type) -> dict[str, Any]:
    # Resolved at first use: declarations may name kinds that are defined below them.
    if cls not in _HINTS:
        _HINTS[cls] = typing.get_type_hints(cls)
    return _HINTS[cls]


def _refuse_unknown(owner: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise SpecError(f"{owner}.{name}", "is not a field", suggestion=one_of(name, known))


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _describe(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(repr(arg) for arg in args)
    if origin is tuple:
        if args[-1] is Ellipsis:
            return f"a tuple of {_describe(args[0])}"
        return f"a tuple of {len(args)} values ({', '.join(_describe(arg) for arg in args)})"
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_describe(arg) for arg in args))
    words = {int: "a whole number", float: "a number", str: "text", bool: "True or False"}
    words[type(None)] = "None"
    return words.get(hint, getattr(hint, "__name__", str(hint)))


def _fit(field: str, value: Any, hint: Any) -> Any:
    """`value` as `hint` wants it, or a `SpecError`. A whole number given for a number becomes a
    float, so that 1 and 1.0 have one digest; a list given for a tuple becomes a tuple."""
    # Where a field takes both whole numbers and shares, 5000 stays whole.
    exact_first = sorted(_choices(hint), key=lambda choice: choice is not type(value))
    for choice in exact_first:
        found, fitted = _matches(field, value, choice)
        if found:
            return fitted
    literals = [str(a) for c in _choices(hint) if get_origin(c) is Literal for a in get_args(c)]
    suggestion = one_of(value, literals) if literals and isinstance(value, str) else ""
    raise SpecError(field, f"must be {_describe(hint)}", value, suggestion)


def _matches(field: str, value: Any, hint: Any) -> tuple[bool, Any]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return any(value == arg and type(value) is type(arg) for arg in args), value
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False, value
        if args[-1] is Ellipsis:
            items = (args[0],) * len(value)
        elif len(args) != len(value):
            return False, value
        else:
            items = args
        pairs = enumerate(zip(value, items, strict=True))
        return True, tuple(_fit(f"{field}[{i}]", item, kind) for i, (item, kind) in pairs)
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False, value
        if not math.isfinite(value):
            raise SpecError(field, "must be a finite number", value)
        return True, float(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    return isinstance(value, hint), value


def _read(path: str, data: Any, hint: Any) -> Any:
    if isinstance(data, dict):
        return _read_kind(path, data, hint)
    if isinstance(data, list):
        tuples = [choice for choice in _choices(hint) if get_origin(choice) is tuple]
        for choice in tuples:
            args = get_args(choice)
            items = (args[0],) * len(data) if args[-1] is Ellipsis else args
            if len(items) == len(data):
                pairs = enumerate(zip(data, items, strict=True))
                return tuple(_read(f"{path}[{i}]", item, kind) for i, (item, kind) in pairs)
    return _fit(path, data, hint)


def _read_kind(path: str, data: dict[str, Any], hint: Any) -> Any:
    allowed = {c.__name__: c for c in _choices(hint) if isinstance(c, type) and c not in _SCALARS}
    name = data.get("kind")
    if name is None and len(allowed) == 1:
        name = next(iter(allowed))
    if name not in allowed:
        rule = "must say its kind" if name is None else "has an unknown kind"
        raise SpecError(path, rule, name, one_of(str(name or ""), allowed))
    cls = allowed[name]
    values = {key: item for key, item in data.items() if key != "kind"}
    hints = _hints(cls)
    _refuse_unknown(path, values, tuple(hints))
    read = {key: _read(f"{path}.{key}", item, hints[key]) for key, item in values.items()}
    make: Callable[..., Any] = cls
    return make(**read)
