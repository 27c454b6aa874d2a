"""How strong a severity is on pictures of a given side.

Corruptions were published with two sets of strengths, for pictures of 32 and of about 224 pixels.
Between the two a strength goes with the logarithm of the side. Beyond them it stays what it is,
but for lengths in pixels, which go on growing and shrinking with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["SEVERITIES", "length", "strength"]

SEVERITIES = (1, 2, 3, 4, 5)
_SMALL, _LARGE = 32, 224


def strength(small: Sequence[float], large: Sequence[float], severity: int, side: int) -> float:
    """The strength at `severity`, given those for small and for large pictures."""
    first, last = small[severity - 1], large[severity - 1]
    place = math.log(side / _SMALL) / math.log(_LARGE / _SMALL)
    place = min(max(place, 0.0), 1.0)
    return float(first ** (1 - place) * last**place)


def length(small: Sequence[float], large: Sequence[float], severity: int, side: int) -> float:
    """The same for a length in pixels."""
    beyond = side / min(max(side, _SMALL), _LARGE)
    return strength(small, large, severity, side) * beyond
