"""What hiding a part of the picture takes away: for anything that answers, torch or not.

Windows of the picture are filled with its mean colour, and the fall of the class's log-odds is laid
where the window was. First windows over all of the picture, then smaller ones where that hurt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Outputs

__all__ = ["BUDGET", "FLAT", "occluded"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""Top, bottom, left, right."""

BUDGET = 59
"""Pictures an engine is shown for one map, the picture itself among them, in two batches."""

FLAT = 1e-2
"""Falls of log-odds below this are rounding: nothing that was hidden mattered."""

_COARSE, _FINE = (7, 0.25), (3, 0.2)
"""Windows across, and their side as a share of the picture's."""

_HOT = 0.3
"""Side of the part that is looked at closely, as a share of the picture's."""


def occluded(
    engine: Callable[[Pixels], Outputs], picture: Pixels, place: int | None = None
) -> tuple[Floats, Outputs, int]:
    """The fall of log-odds at each pixel of a square picture, what is said of the whole picture,
    and the class that this is about: `place`, or the likeliest."""
    side = len(picture)
    wide = _windows((0, side, 0, side), *_COARSE, side)
    seen = engine(np.concatenate([picture[None], _hidden(picture, wide)]))
    whole = Outputs(
        probabilities=seen.probabilities[:1],
        scores=seen.scores[:1],
        features=None if seen.features is None else seen.features[:1],
    )
    if place is None:
        place = int(whole.probabilities[0].argmax())
    odds = _log_odds(seen.scores, place)
    broad = _spread(odds[0] - odds[1:], wide, side)
    close = _windows(_hottest(broad), *_FINE, side)
    falls = odds[0] - _log_odds(engine(_hidden(picture, close)).scores, place)
    return broad + _spread(falls, close, side, fades=True), whole, place


def _log_odds(scores: Floats, place: int) -> Floats:
    """Unlike a probability it still falls where the class is all but certain."""
    others = np.delete(scores.astype(np.float64), place, axis=1)
    if not others.shape[1]:
        return scores[:, place]
    most = others.max(1)
    rest = most + np.log(np.exp(others - most[:, None]).sum(1))
    odds: Floats = (scores[:, place] - rest).astype(np.float32)
    return odds


def _windows(within: Box, across: int, share: float, side: int) -> list[Box]:
    """Squares in equal steps from edge to edge of a box."""
    width = max(1, round(side * share))
    top, bottom, left, right = within
    downs = np.linspace(top, max(top, bottom - width), across).round().astype(int).tolist()
    rights = np.linspace(left, max(left, right - width), across).round().astype(int).tolist()
    found = [(a, min(a + width, side), b, min(b + width, side)) for a in downs for b in rights]
    # On a picture of a few pixels some are the same.
    return list(dict.fromkeys(found))


def _hidden(picture: Pixels, windows: Sequence[Box]) -> Pixels:
    """The picture with each window hidden, one after the other."""
    made = np.repeat(picture[None], len(windows), axis=0)
    colour = picture.mean((0, 1)).round().astype(np.uint8)
    for one, (top, bottom, left, right) in zip(made, windows, strict=True):
        one[top:bottom, left:right] = colour
    return made


def _spread(falls: Floats, windows: Sequence[Box], side: int, *, fades: bool = False) -> Floats:
    """The mean fall of the windows over each pixel, their middles counting most; nothing where
    hiding helped. Where `fades`, less where fewer windows lie."""
    total, count = np.zeros((side, side)), np.full((side, side), 1e-9)
    for fall, (top, bottom, left, right) in zip(falls.tolist(), windows, strict=True):
        weight = np.outer(_tent(bottom - top), _tent(right - left))
        total[top:bottom, left:right] += fall * weight
        count[top:bottom, left:right] += weight
    mean: Floats = (np.maximum(total, 0) / (count.max() if fades else count)).astype(np.float32)
    return mean


def _tent(width: int) -> npt.NDArray[np.float64]:
    """Highest in the middle: maps get no edges where windows have theirs."""
    return 1 - np.abs(2 * np.arange(width) + 1 - width) / (width + 1)


def _hottest(heat: Floats) -> Box:
    """The square of `_HOT` with the most heat in it."""
    side = len(heat)
    width = max(1, round(side * _HOT))
    sums = np.pad(heat.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[width:, width:] - sums[:-width, width:] - sums[width:, :-width]
    inside = inside + sums[:-width, :-width]
    # Of equal sums the one in the middle: a hot spot is looked at with what surrounds it.
    best = np.argwhere(inside >= inside.max() - 1e-6)
    top, left = best[len(best) // 2].tolist()
    return top, top + width, left, left + width
