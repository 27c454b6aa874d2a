"""Where a champion is, by what a person wrote for it. Imports nothing: services start with it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["BOXED", "FOLDER", "WORD", "place_for", "placed"]

BOXED = Path(__file__).with_name("boxed")
"""The champion that comes with the package."""

FOLDER = "champion"
"""Its name in the folder of a bake-off."""

WORD = "boxed"
"""What it is called where a path would stand."""


def placed(path: str | Path | None) -> Path:
    """The path that is meant: that of the one in the box without any, or for its word where
    nothing of that name lies in the way."""
    if path is None:
        return BOXED
    place = Path(path).expanduser()
    return BOXED if place == Path(WORD) and not place.exists() else place


def place_for(folder: Path, winner: str | None, recipe: str | None) -> Path:
    """Where a champion of the bake-off in `folder` goes: that of another contender than the winner
    has its name."""
    other = recipe is not None and recipe != winner
    return folder / (f"{FOLDER}-{recipe}" if other else FOLDER)
