"""Numbers and names as a terminal shows them."""

from __future__ import annotations

__all__ = ["amount", "duration", "printable", "size"]


def printable(text: str) -> str:
    """`text` with everything that could steer a terminal, or not be encoded, written out."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def size(count: float) -> str:
    """A number of bytes, in powers of a thousand."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def amount(count: float, unit: str) -> str:
    """A number of things: bytes in their own units, all else counted."""
    return size(count) if unit == "bytes" else f"{count:,.0f}"


def duration(seconds: float) -> str:
    """A length of time, to two parts: 14 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
