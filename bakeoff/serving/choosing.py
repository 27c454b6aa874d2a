"""Which champion is served where none is named."""

from __future__ import annotations

from pathlib import Path

from bakeoff.champion.place import BOXED, FOLDER, placed
from bakeoff.data.remote import url_of
from bakeoff.spec.errors import DataError

__all__ = ["newest"]

_MADE = "manifest.json"
"""What is written last into a champion."""


def newest(path: str | None, *, under: Path | None = None) -> str:
    """`path`, if there is one; else the newest champion under bakeoffs/, else the one that comes
    with the package."""
    if path is not None:
        return path if url_of(path) is not None else str(_champion(placed(path)))
    folder = under or Path("bakeoffs")
    found = sorted(folder.glob(f"*/champion/{_MADE}"), key=lambda one: one.stat().st_mtime)
    if found:
        return str(found[-1].parent)
    if BOXED.is_dir():
        return str(BOXED)
    raise DataError(
        "CHAMPION",
        "is needed: there is none under bakeoffs/",
        suggestion="Make one with `bakeoff run DATA`, or give its path.",
    )


def _champion(path: Path) -> Path:
    """The champion in the folder of a bake-off; anything else as it is."""
    inside = path / FOLDER
    return inside if not (path / _MADE).exists() and inside.is_dir() else path
