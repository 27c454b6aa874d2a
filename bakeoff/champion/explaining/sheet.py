"""An explanation as one picture to look at: what was seen, what spoke for which class, a legend,
and the training pictures most like it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bakeoff.champion.explaining.explanation import Explanation, Neighbour, overlaid, ramp
from bakeoff.champion.explaining.maps import METHODS, enlarged
from bakeoff.data.encode import lettered

__all__ = ["sheet"]

Pixels = npt.NDArray[np.uint8]

_SIDE = 224
"""Pixels that a picture's side is enlarged to, at least about."""

_GAP, _LINE, _BAR = 12, 20, 14


def sheet(explanations: Sequence[Explanation], neighbours: Sequence[Neighbour] = ()) -> Pixels:
    """One picture of explanations of the same picture, and of its neighbours in a row below."""
    first = explanations[0]
    times = max(1, round(_SIDE / len(first.picture)))
    width = times * len(first.picture)
    large = _enlarged(first.picture, times)
    tiles = [_tile(large, ["the picture, as it is seen", ""])]
    for one in explanations:
        found = " · nothing found" if one.flat else ""
        lines = [f"{one.label} {one.probability:.1%}{found}", f"by {METHODS[one.method]}"]
        tiles.append(_tile(overlaid(large, enlarged(one.heat, width)), lines))
    rows = [_row(tiles), _legend(width)]
    if neighbours:
        rows.append(lettered("Nearest training pictures", width=width * 2, height=_LINE))
        small = max(1, times // 2)
        rows.append(
            _row(
                [
                    _tile(_shrunk(one.picture, small, times), [one.label, f"{one.similarity:.3f}"])
                    for one in neighbours
                ]
            )
        )
    return _stacked(rows)


def _shrunk(picture: Pixels, small: int, times: int) -> Pixels:
    """About half as large as the picture above."""
    return _enlarged(picture, small) if times > 1 else np.ascontiguousarray(picture[::2, ::2])


def _enlarged(picture: Pixels, times: int) -> Pixels:
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _tile(picture: Pixels, lines: Sequence[str]) -> Pixels:
    width = picture.shape[1]
    return np.concatenate([picture, *(lettered(line, width=width, height=_LINE) for line in lines)])


def _row(tiles: Sequence[Pixels]) -> Pixels:
    gap = np.full((len(tiles[0]), _GAP, 3), 255, np.uint8)
    parts = [part for tile in tiles for part in (gap, tile)][1:]
    return np.concatenate(parts, axis=1)


def _legend(width: int) -> Pixels:
    """The colours from nothing to most."""
    colours = ramp(np.linspace(0, 1, width)).round().astype(np.uint8)
    bar = np.broadcast_to(colours, (_BAR, width, 3))
    half = width // 2
    ends = (
        lettered("nothing", width=half, height=_LINE),
        lettered("most", width=width - half, height=_LINE, right=True),
    )
    return np.concatenate([bar, np.concatenate(ends, axis=1)])


def _stacked(rows: Sequence[Pixels]) -> Pixels:
    width = max(row.shape[1] for row in rows) + 2 * _GAP
    height = sum(len(row) + _GAP for row in rows) + _GAP
    canvas = np.full((height, width, 3), 255, np.uint8)
    top = _GAP
    for row in rows:
        canvas[top : top + len(row), _GAP : _GAP + row.shape[1]] = row
        top += len(row) + _GAP
    return canvas
