"""A tuple of rows, worked out: shapes, counts and costs line by line. Needs no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

from bakeoff.models.counting import Cost, cost
from bakeoff.models.shapes import MisfitError, Shape, TooSmallError, after, by, projection
from bakeoff.spec.errors import SpecError
from bakeoff.spec.network import AvgPool, Classes, Conv, Dense, MaxPool, Residual, Row
from bakeoff.spec.rules import at_least, positive

__all__ = ["Line", "flat", "layers", "tabulate", "tabulate_head", "text", "total"]

_SIZES = (8, 16, 32, 64, 96, 128, 160, 192, 224, 256, 299, 384, 448, 512)
"""Sizes worth suggesting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row in its place."""

    number: str
    """Place in the table, from 1; `5.2` is the second row of a residual row's body, `5.s1` the
    first of its shortcut."""

    row: Row
    inputs: Shape
    output: Shape

    own: Cost
    """What the row itself costs, without the rows inside it."""

    body: tuple[Line, ...] = ()
    shortcut: tuple[Line, ...] = ()


def tabulate(
    rows: Iterable[Row], *, size: int | tuple[int, int], classes: int, channels: int = 3
) -> tuple[Line, ...]:
    """The table of a network whose pictures have this size (a side, or height and width).

    Raises `SpecError` that names the first row that does not fit.
    """
    rows = tuple(rows)
    height, width = (size, size) if isinstance(size, int) else size
    for side in (height, width):
        positive("size", side)
    _check_classes(classes)
    pictures = f"the pictures are {by(height, width)}"
    try:
        return _lines(rows, (channels, height, width), classes)
    except _PlacedError as found:
        raise _error(found, pictures, _fitting(rows, max(height, width), classes)) from None


def tabulate_head(rows: Iterable[Row], *, features: Shape, classes: int) -> tuple[Line, ...]:
    """The table of a head on a backbone's features: a map, or a vector if the map is averaged.

    The backbone is row 1, so the head's first row is row 2.
    """
    _check_classes(classes)
    try:
        return _lines(tuple(rows), features, classes, first=2)
    except _PlacedError as found:
        raise _error(found, f"the backbone's features are {by(*features[1:])}", None) from None


def flat(lines: Iterable[Line]) -> Iterator[Line]:
    """All lines in reading order: a residual row, then its body, then its shortcut."""
    for line in lines:
        yield line
        yield from flat(line.body)
        yield from flat(line.shortcut)


def total(lines: Iterable[Line]) -> Cost:
    """What all rows cost together."""
    return reduce(Cost.__add__, (line.own for line in flat(lines)), Cost())


def layers(lines: Iterable[Line], kind: type[Row] | None = None) -> int:
    """How many layers there are, or layers of one kind; `Classes` is a dense layer.

    Every row is a layer, but for residual rows: the rows inside them are.
    """
    kinds = (Dense, Classes) if kind is Dense else (kind or object,)
    return sum(
        isinstance(line.row, kinds) for line in flat(lines) if not isinstance(line.row, Residual)
    )


def text(row: Row) -> str:
    """`row` as one writes it, without the fields left at their defaults."""
    parts = []
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        if value != field.default:
            parts.append(f"{field.name}={'…' if isinstance(value, tuple) else repr(value)}")
    return f"{type(row).__name__}({', '.join(parts)})"


class _PlacedError(Exception):
    """A misfit, with the place it was found at."""

    def __init__(self, number: str, row: Row, cause: MisfitError, shrunk: bool) -> None:
        self.number = number
        self.row = row
        self.cause = cause
        self.shrunk = shrunk


def _lines(
    rows: tuple[Row, ...],
    shape: Shape,
    classes: int,
    prefix: str = "",
    shrunk: bool = False,
    first: int = 1,
) -> tuple[Line, ...]:
    lines = []
    for place, row in enumerate(rows, start=first):
        number = f"{prefix}{place}"
        try:
            line = _line(row, shape, classes, number, shrunk)
        except MisfitError as cause:
            raise _PlacedError(number, row, cause, shrunk) from None
        lines.append(line)
        shape = line.output
        shrunk = shrunk or any(_shrinks(inner.row) for inner in flat((line,)))
    return tuple(lines)


def _line(row: Row, shape: Shape, classes: int, number: str, shrunk: bool) -> Line:
    if not isinstance(row, Residual):
        output = after(row, shape, classes)
        return Line(
            number=number, row=row, inputs=shape, output=output, own=cost(row, shape, output)
        )
    body = _lines(row.body, shape, classes, f"{number}.", shrunk)
    output = body[-1].output
    way = row.shortcut
    if not way and output != shape:
        way = (projection(shape, output),)
    shortcut = _lines(way, shape, classes, f"{number}.s", shrunk)
    if shortcut and shortcut[-1].output != output:
        raise MisfitError(
            f"its body makes {_short(output)} and its shortcut {_short(shortcut[-1].output)}; "
            "they must agree to be added"
        )
    return Line(
        number=number,
        row=row,
        inputs=shape,
        output=output,
        own=cost(row, shape, output),
        body=body,
        shortcut=shortcut,
    )


def _short(shape: Shape) -> str:
    return "×".join(str(side) for side in shape)


def _shrinks(row: Row) -> bool:
    return isinstance(row, MaxPool | AvgPool) or (isinstance(row, Conv) and row.stride > 1)


def _fitting(rows: tuple[Row, ...], size: int, classes: int) -> int | None:
    """The next usual size that the rows fit, if any."""
    for side in _SIZES:
        if side > size:
            try:
                _lines(rows, (3, side, side), classes)
            except _PlacedError:
                continue
            return side
    return None


def _error(found: _PlacedError, pictures: str, fitting: int | None) -> SpecError:
    rule = str(found.cause)
    if isinstance(found.cause, TooSmallError):
        ways = ["drop a pool" if found.shrunk else "make it smaller"]
        if fitting is not None:
            ways.append(f"pass size={fitting}")
        rule = f"{rule}; {pictures}, so {' or '.join(ways)}"
    return SpecError(f"row {found.number}, {text(found.row)}:", rule)


def _check_classes(classes: int) -> None:
    at_least("classes", classes, 2, "A classifier needs something to choose between.")
