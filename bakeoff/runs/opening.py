"""Beginning a run's directory, or opening one to go on in it."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import Any

from bakeoff.runs.run import Run
from bakeoff.spec.errors import DataError, SpecError
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from bakeoff.training import checkpoint
from bakeoff.training.checkpoint import LoopState
from bakeoff.training.team import Team

__all__ = ["opened", "refuse_other_data", "refuse_other_terms"]

_SAME = "Give the same command as at the first start, with --out and --resume."

_LATE = 60.0
"""Seconds after which a shared disk shows everywhere what was written on it."""


def opened(
    run: Run, recipe: Recipe, facts: dict[str, Any], team: Team, *, resume: bool
) -> LoopState | None:
    """The directory is ready for the run. Where to go on from; None at the very beginning."""
    found = None
    if team.leads and resume:
        found = _newest(run, facts)
    elif team.leads:
        run.start(recipe, facts)
        run.record("began", {"exact": True})
    _refuse_unshared(run, team)
    return checkpoint.handed(found, team)


def _newest(run: Run, facts: dict[str, Any]) -> LoopState | None:
    """The newest whole state of a run that is there; None if it never got to one."""
    before = run.environment()
    _refuse_other(run, before, facts)
    found = checkpoint.load_newest(run.checkpoints)
    differing = [name for name in ("code", "device", "libraries") if before[name] != facts[name]]
    step = found.state.step if found else 0
    text = f"Resumed at step {step} on the same code, device and libraries: exact."
    if differing:
        text = f"Resumed at step {step} with other {' and '.join(differing)}: not exact."
    for refused in found.refused if found else ():
        run.record("note", {"text": refused, "exact": True})
    run.record("resumed", {"step": step, "exact": not differing, "text": text})
    return found.state if found else None


def _refuse_unshared(run: Run, team: Team) -> None:
    """An error where torchrun may start again with a leader that would not see this run."""
    again = os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") != "0"
    if not again or team.local_world == team.world:
        return
    until = time.monotonic() + _LATE
    while not run.has_begun and time.monotonic() < until:
        time.sleep(0.5)
    if team.any(not run.has_begun):
        raise DataError(
            str(run.path),
            "must lie on a disk that all machines share: after a restart another may lead, and "
            "would not find the run",
            suggestion="Give such an --out, or --max-restarts 0.",
        )


def refuse_other_data(run: Run, digest: str) -> None:
    """An error unless the run began with this data and this split."""
    before = run.environment()["data"]["digest"]
    if before != digest:
        raise DataError(
            f"the data of {run.path}",
            f"must be the data it began with: its digest was {before[:12]} and is {digest[:12]}",
            suggestion="Give the same data and split options as at the first start.",
        )


def refuse_other_terms(run: Run, *, seed: int, budget: Budget | None) -> None:
    """An error unless the run began with this seed and this budget."""
    asked = {"seed": seed, "budget": None if budget is None else asdict(budget)}
    _refuse_differing(run, run.environment(), asked)


def _refuse_other(run: Run, before: dict[str, Any], facts: dict[str, Any]) -> None:
    refuse_other_data(run, facts["data"]["digest"])
    if before["recipe"] != facts["recipe"]:
        rule = "must be the recipe it began with, in all its settings"
        raise SpecError(f"the recipe of {run.path}", rule, suggestion=_SAME)
    if before["data"].get("shards") != facts["data"].get("shards"):
        rule = "must be read as they were when it began, in shards or not: their order is another"
        raise SpecError(f"the pictures of {run.path}", rule, suggestion=_SAME)
    _refuse_differing(run, before, {name: facts[name] for name in ("seed", "budget")})


def _refuse_differing(run: Run, before: dict[str, Any], asked: dict[str, Any]) -> None:
    for name, value in asked.items():
        if before[name] != value:
            rule = f"must be the one it began with, {before[name]}"
            raise SpecError(f"the {name} of {run.path}", rule, value, _SAME)
