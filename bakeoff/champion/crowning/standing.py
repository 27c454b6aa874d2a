"""Whether a champion is there already, and whose it is."""

from __future__ import annotations

from pathlib import Path

from bakeoff.champion import manifest, record
from bakeoff.champion.crowning.choosing import Chosen
from bakeoff.spec.errors import DataError

__all__ = ["is_unsigned", "stands"]


def stands(out: Path, found: Chosen, *, half: bool = False) -> bool:
    """Whether the champion of this very run lies in the folder `out`, whole."""
    if not (out / manifest.FILE).exists():
        return False
    try:
        manifest.verify(out)
        told = record.loads((out / record.FILE).read_bytes())
    except DataError:
        return False
    environment = found.run.environment()
    mine = {
        "recipe": environment["recipe"],
        "data": environment["data"]["digest"],
        "run": found.digest,
    }
    kept = {name: told.digests.get(name) for name in mine}
    return mine == kept and (told.weights.dtype == "float16") == half


def is_unsigned(out: Path) -> bool:
    """Whether what lies in `out` is a champion that nobody signed."""
    return (out / manifest.FILE).exists() and not (out / manifest.SIGNATURE).exists()
