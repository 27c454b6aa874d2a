"""What each row makes of the shape that comes in, and why it sometimes cannot. Needs no torch."""

from __future__ import annotations

from math import prod

from bakeoff.spec.network import (
    Attention,
    AvgPool,
    Classes,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    MaxPool,
    Positions,
    Residual,
    Row,
    Whiten,
)

__all__ = ["MisfitError", "Shape", "TooSmallError", "after", "by", "projection"]

Shape = tuple[int, ...]
"""(channels, height, width) of a map, or (features,) of a vector; the batch is left out."""


class MisfitError(Exception):
    """A row cannot take what comes in. The table that knows the row's place tells the user."""


class TooSmallError(MisfitError):
    """As `MisfitError`; larger pictures would mend it."""


def by(height: int, width: int) -> str:
    """A size as people write it."""
    return f"{height}×{width}"


def after(row: Row, shape: Shape, classes: int) -> Shape:
    """The shape that `row` makes of `shape`. Residual rows hold rows: see `table`."""
    assert not isinstance(row, Residual)
    match row:
        case Conv():
            return _convolved(row, *_map(shape))
        case Whiten():
            channels, height, width = _map(shape)
            _refuse_small(height, width, row.kernel, "patch")
            edge = row.kernel - 1
            return 2 * channels * row.kernel**2, height - edge, width - edge
        case MaxPool() | AvgPool():
            channels, height, width = _map(shape)
            _refuse_small(height, width, row.size, "window")
            return channels, height // row.size, width // row.size
        case Attention():
            channels = _map(shape)[0]
            if channels % row.heads:
                raise MisfitError(f"{channels} channels cannot be divided among {row.heads} heads")
            return shape
        case Positions():
            return _map(shape)
        case GlobalPool():
            return _map(shape)[:1]
        case Flatten():
            return (prod(shape),)
        case Dense() | Classes():
            if len(shape) != 1:
                where = by(*shape[1:])
                raise MisfitError(
                    f"needs a vector, and {shape[0]} channels of {where} come in; "
                    "put Flatten() or GlobalPool() before it"
                )
            return (row.width if isinstance(row, Dense) else classes,)
        case _:
            return shape


def _convolved(row: Conv, channels: int, height: int, width: int) -> Shape:
    if channels % row.groups:
        raise MisfitError(f"{channels} channels cannot be divided into {row.groups} groups")
    if row.padding == "valid":
        _refuse_small(height, width, row.kernel, "kernel")
        height, width = height - row.kernel + 1, width - row.kernel + 1
    return row.width, _steps(height, row.stride), _steps(width, row.stride)


def projection(inputs: Shape, output: Shape) -> Conv:
    """The 1×1 convolution that gives `inputs` the shape that a residual body has reached."""
    if len(inputs) != 3 or len(output) != 3:
        raise MisfitError(
            f"its body makes {_words(output)} of {_words(inputs)}, which cannot be added; "
            "give it a shortcut that does the same"
        )
    (_, height, width), (channels, *reached) = inputs, output
    for stride in range(1, max(height, width) + 1):
        if [_steps(height, stride), _steps(width, stride)] == reached:
            return Conv(width=channels, kernel=1, stride=stride, bias=False)
    raise MisfitError(
        f"its body makes {by(*reached)} of {by(height, width)}, which no stride does; "
        "use padding='same' in it or give it a shortcut"
    )


def _map(shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise MisfitError(f"needs rows and columns, and {_words(shape)} comes in; put it earlier")
    channels, height, width = shape
    return channels, height, width


def _words(shape: Shape) -> str:
    if len(shape) == 1:
        return f"a vector of {shape[0]}"
    return f"a map of {shape[0]} channels of {by(*shape[1:])}"


def _steps(length: int, stride: int) -> int:
    return -(-length // stride)


def _refuse_small(height: int, width: int, window: int, noun: str) -> None:
    if min(height, width) < window:
        found, wanted = by(height, width), by(window, window)
        raise TooSmallError(f"{found} input is smaller than its {wanted} {noun}")
