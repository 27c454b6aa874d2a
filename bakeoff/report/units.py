"""Figures as people read them: each kind of number in its unit, always written the same way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

__all__ = ["MISSING", "UNITS", "digits", "percent", "points", "written"]

MISSING = "–"
"""Stands where there is no number."""


def percent(value: float, decimals: int = 1) -> str:
    """A share, as in 94.1%."""
    return f"{100 * value:.{decimals}f}%"


def points(value: float, decimals: int = 1) -> str:
    """A difference of shares in percentage points with its sign, as in +1.2."""
    text = f"{100 * value:+.{decimals}f}"
    # Nothing is less than nothing.
    return text.replace("-", "−") if float(text) else text.replace("-", "").replace("+", "")


def digits(half_widths: list[float]) -> int:
    """Decimals of percentages that an interval of this half width still bears."""
    if not half_widths:
        return 1
    middle = sorted(half_widths)[len(half_widths) // 2]
    return 2 if middle < 0.005 else 1


def count(value: float) -> str:
    """A number of things, as in 11.2 M."""
    for size, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size * 0.9995:
            return f"{_three(value / size)} {name}"
    return f"{value:.0f}"


def size(value: float) -> str:
    """Bytes on a disk, as in 44.8 MB."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= unit * 0.9995:
            return f"{_three(value / unit)} {name}"
    return f"{value:.0f} B"


def seconds(value: float) -> str:
    """A duration, as in 12.1 ms or 3 min 20 s."""
    if value < 0.9995e-3:
        return f"{_three(1e6 * value)} µs"
    if value < 0.9995:
        return f"{_three(1e3 * value)} ms"
    if value < 59.95:
        return f"{_three(value)} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def rate(value: float) -> str:
    """Pictures in a second, as in 820/s."""
    return f"{value:,.0f}/s" if value >= 10 else f"{_three(value)}/s"


def plain(value: Any) -> str:
    """A word, a number, or yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def number(value: float) -> str:
    """A plain number without needless decimals."""
    return f"{value:,.1f}".removesuffix(".0")


def _three(value: float) -> str:
    """With three figures, as many as such measurements bear."""
    decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


UNITS: dict[str, Callable[[Any], str]] = {
    "count": count,
    "size": size,
    "seconds": seconds,
    "rate": rate,
    "number": number,
    "plain": plain,
}
"""Ways of writing, by the name of what is written."""


def written(value: Any, unit: str) -> str:
    """`value` in its unit, or a dash where there is none."""
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return MISSING
    return UNITS[unit](value)
