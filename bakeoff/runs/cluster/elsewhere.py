"""Where a bake-off's runs are made, by what was asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from bakeoff.runs.cluster.cluster import joined
from bakeoff.runs.cluster.errand import Elsewhere
from bakeoff.runs.cluster.homing import kept_at, remembered
from bakeoff.runs.cluster.via import refuse_url
from bakeoff.spec.errors import SpecError

__all__ = ["elsewhere"]


def elsewhere(
    on: str | None, via: str | None, out: str | Path | None
) -> AbstractContextManager[Elsewhere | None]:
    """A cluster, or None for here. `via` is what was given, if anything was; `out` the same, of
    the bake-off's directory."""
    refuse_url(out)
    folder = None if out is None else Path(out)
    if on is not None:
        return joined(on, remembered(folder, via))
    if via is not None:
        rule = "needs --on: it is where runs are kept while nodes of a cluster make them"
        raise SpecError("--via", rule, suggestion="Give --on ray, or leave out --via.")
    if folder is not None and (kept := kept_at(folder)) and not (folder / "result.json").exists():
        raise SpecError(
            "--on",
            f"must be given again, as runs of {folder} are kept at {kept}",
            suggestion="Where there is no cluster left, `ray start --head` makes one of this "
            "machine; then give --on ray.",
        )
    return nullcontext()
