"""Copies of the champions that a service was given.

What was deployed is what a worker opens when it starts again, whatever has become of the place it
came from since.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Collection
from pathlib import Path

from bakeoff.data.cache import sync, writing
from bakeoff.spec.errors import DataError

__all__ = ["kept", "refuse_missing", "tidied"]


def kept(source: Path, folder: Path) -> Path:
    """A copy of the champion at `source` under `folder`, whole or not at all.

    Nothing is verified here: whoever opens it does that.
    """
    refuse_missing(source)
    name = uuid.uuid4().hex[:12]
    made, place = folder / f".{name}.making", folder / (name + source.suffix)
    with writing("the copy of the champion", folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            if source.is_dir():
                shutil.copytree(source, made)
                sync(made)
            else:
                shutil.copyfile(source, made)
            made.rename(place)
        finally:
            if made.is_dir():
                shutil.rmtree(made, ignore_errors=True)
            else:
                made.unlink(missing_ok=True)
    return place


def refuse_missing(source: Path) -> None:
    """An error where there is nothing at `source`."""
    if not source.exists():
        raise DataError(
            f"the champion {source}",
            "is not there",
            suggestion="Make one from a bake-off with: bakeoff champion DIR",
        )


def tidied(folder: Path, needed: Collection[Path]) -> None:
    """Delete the copies that nobody needs any more."""
    if not folder.is_dir():
        return
    for place in folder.iterdir():
        if place in needed:
            continue
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
