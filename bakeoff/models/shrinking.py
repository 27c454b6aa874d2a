"""Whether a network can also be trained on smaller pictures than it is made for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bakeoff.models import backbones
from bakeoff.models.catalogue import entry
from bakeoff.models.table import Line, flat, tabulate, tabulate_head, text
from bakeoff.spec.errors import SpecError
from bakeoff.spec.network import Backbone, Flatten, Head, Network, Positions

__all__ = ["refuse_unshrinkable"]

_FIXED = {
    Flatten: "makes {small} numbers of each smaller picture and {full} of a full one",
    Positions: "has a vector for each of {full} places, and a smaller picture has {small}",
}

_WAYS = {
    Flatten: "Put GlobalPool() in its place, or train at full size.",
    Positions: "Train at full size.",
}


def refuse_unshrinkable(
    network: Network, *, full: int, size: int, classes: int, field: str
) -> None:
    """An error unless a settled network for pictures of `full` pixels a side takes `size` too."""
    if network.backbone is not None:
        full = network.backbone.size or full
    if size > full:
        raise SpecError(field, f"must be at most the {full} pixels that the network sees", size)
    if size == full:
        return
    try:
        small, whole = (_lines(network, side, classes) for side in (size, full))
    except SpecError as error:
        # It names the row or the backbone; what asked for the size is the stage.
        raise SpecError(f"{field}, {size} pixels: {error.field}", error.rule) from None
    for one, other in zip(flat(small), flat(whole), strict=True):
        if one.output != other.output and isinstance(one.row, Flatten | Positions):
            counts = {name: _count(line) for name, line in (("small", one), ("full", other))}
            raise SpecError(
                f"{field}, {size} pixels: row {one.number}, {text(one.row)}:",
                _FIXED[type(one.row)].format(**counts),
                suggestion=_WAYS[type(one.row)],
            )


def _lines(network: Network, size: int, classes: int) -> Iterable[Line]:
    if network.rows is not None:
        return tabulate(network.rows, size=size, classes=classes)
    assert network.backbone is not None
    _refuse_fixed(network.backbone, size)
    shape = backbones.features_of(replace(network.backbone, size=size))
    return tabulate_head((network.head or Head()).rows, features=shape, classes=classes)


def _refuse_fixed(backbone: Backbone, size: int) -> None:
    if entry(backbone.name).fixed and size != backbone.size:
        raise SpecError(backbone.name, f"takes pictures of {backbone.size} pixels and no others")


def _count(line: Line) -> int:
    """Numbers of a vector, or places of a map."""
    shape = line.output
    return shape[0] if len(shape) == 1 else shape[1] * shape[2]
