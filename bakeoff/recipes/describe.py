"""A recipe in rows, for people to read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from bakeoff.spec.estimator import Estimator
from bakeoff.spec.network import Network, Residual, Row
from bakeoff.spec.recipe import Recipe

__all__ = ["Line", "fields_in_words", "layers", "stages"]

_SAID_ELSEWHERE = ("body", "epochs")
_ALWAYS_SAID = ("batch", "optimiser", "rate", "schedule")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One row of a table: a number, what stands there, and its fields in words."""

    number: str
    kind: str
    fields: str


def layers(network: Network | Estimator) -> tuple[Line, ...]:
    """The layer table; rows inside another are numbered 3.1, 3.2. An estimator is one line."""
    if isinstance(network, Estimator):
        return (Line(number="1", kind="Estimator", fields=fields_in_words(network)),)
    if network.backbone is None:
        return tuple(_rows(network.rows or ()))
    backbone = Line(number="1", kind="Backbone", fields=fields_in_words(network.backbone))
    if network.head is None:
        return backbone, Line(number="2", kind="Classes", fields="")
    return backbone, *_rows(network.head.rows, first=2)


def stages(recipe: Recipe) -> tuple[Line, ...]:
    """The legs of training, in order."""
    return tuple(
        Line(number=str(number), kind=f"{stage.epochs:g} epochs", fields=fields_in_words(stage))
        for number, stage in enumerate(recipe.stages, 1)
    )


def fields_in_words(declared: object) -> str:
    """What a declaration says beyond its defaults, and the few things everybody asks for."""
    assert dataclasses.is_dataclass(declared)
    said = []
    for field in dataclasses.fields(declared):
        value = getattr(declared, field.name)
        wanted = field.name in _ALWAYS_SAID or value != field.default
        if wanted and field.name not in _SAID_ELSEWHERE:
            said.append(f"{field.name} {_value(value)}")
    return ", ".join(said)


def _rows(rows: Sequence[Row], *, prefix: str = "", first: int = 1) -> Iterator[Line]:
    for number, row in enumerate(rows, first):
        place = f"{prefix}{number}"
        yield Line(number=place, kind=type(row).__name__, fields=fields_in_words(row))
        if isinstance(row, Residual):
            yield from _rows(row.body, prefix=f"{place}.")


def _value(value: object) -> str:
    if dataclasses.is_dataclass(value):
        inner = fields_in_words(value)
        return f"{type(value).__name__}({inner})" if inner else type(value).__name__
    if isinstance(value, tuple):
        return "(" + ", ".join(_value(item) for item in value) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)
