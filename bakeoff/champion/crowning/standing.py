"""Whether a champion is there already, and whose it is."""

from __future__ import annotations

from pathlib import Path

from bakeoff.champion import manifest, record
from bakeoff.champion.crowning.choosing import Chosen
from bakeoff.champion.record import Record
from bakeoff.spec.errors import DataError

__all__ = ["is_unsigned", "stands", "who"]


def stands(out: Path, found: Chosen, *, half: bool = False, goldens: str | None = None) -> bool:
    """Whether the champion of this very run lies in the folder `out`, whole; with `goldens` of that
    kind, or of any."""
    told = _told(out)
    if told is None:
        return False
    environment = found.run.environment()
    mine = {
        "recipe": environment["recipe"],
        "data": environment["data"]["digest"],
        "run": found.digest,
    }
    kept = {name: told.digests.get(name) for name in mine}
    # Where nothing is random the runs of all seeds end with the same weights.
    same = (told.name, told.seed) == (found.name, found.seed) and mine == kept
    as_asked = goldens in (None, told.data.get("goldens"))
    return same and as_asked and (told.weights.dtype == "float16") == half


def who(out: Path) -> str:
    """Of the champion in the folder `out`, whose it is, in brackets; nothing where none is whole
    there."""
    told = _told(out)
    if told is None:
        return ""
    half = ", in half precision" * (told.weights.dtype == "float16")
    own = ", with golden pictures of one's own" * (told.data.get("goldens") == "own")
    return f" ({told.name}, seed {told.seed}{half}{own})"


def _told(out: Path) -> Record | None:
    """What a whole champion says of itself."""
    try:
        manifest.verify(out)
        return record.loads((out / record.FILE).read_bytes())
    except (DataError, OSError):
        return None


def is_unsigned(out: Path) -> bool:
    """Whether what lies in `out` is a champion that nobody signed."""
    return (out / manifest.FILE).exists() and not (out / manifest.SIGNATURE).exists()
