"""Where a champion is, by what a person wrote for it. Imports nothing: services start with it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["BOXED", "WORD", "placed"]

BOXED = Path(__file__).with_name("boxed")
"""The champion that comes with the package."""

WORD = "boxed"
"""What it is called where a path would stand."""


def placed(path: str | Path | None) -> Path:
    """The path that is meant: that of the one in the box without any, or for its word where
    nothing of that name lies in the way."""
    if path is None:
        return BOXED
    place = Path(path).expanduser()
    return BOXED if place == Path(WORD) and not place.exists() else place
