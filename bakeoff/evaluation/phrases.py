"""Shares, differences and chances as a person reads them in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["chance", "count", "duration", "listed", "points", "share", "size"]

_HISSING = ("s", "x", "ch", "sh")
"""Ends of a word after which its plural takes a vowel."""


def share(value: float, decimals: int = 1) -> str:
    """As in 94.1%."""
    return f"{100 * value:.{decimals}f}%"


def points(value: float, decimals: int = 1) -> str:
    """A difference of shares, without its unit; its sign only where it is negative."""
    text = f"{100 * value:.{decimals}f}"
    return text.replace("-", "−" if float(text) else "")


def chance(p: float) -> str:
    """A p-value, as in p = .003."""
    if p < 0.001:
        return "p < .001"
    if p >= 0.995:
        return "p = 1"
    decimals = 3 if p < 0.0995 else 2
    return "p = " + f"{p:.{decimals}f}".removeprefix("0")


def count(number: int, thing: str) -> str:
    """As in 10,000 pictures, or 10 classes."""
    many = "es" if thing.endswith(_HISSING) else "s"
    return f"{number:,} {thing}" + ("" if number == 1 else many)


def listed(names: Sequence[str], most: int = 5) -> str:
    """As in a, b and c; of many the first few."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def duration(seconds: float) -> str:
    """A latency, as in 2.1 ms; in the unit that tables give it in."""
    if seconds < 0.9995e-3:
        return f"{1e6 * seconds:.3g} µs"
    return f"{1e3 * seconds:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def size(number: float) -> str:
    """Bytes, as in 44.8 MB; in the unit that tables give them in."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= unit * 0.9995:
            return f"{number / unit:.3g} {name}"
    return f"{number:.0f} B"
