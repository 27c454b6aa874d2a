"""Beginning a run's directory, or opening one to go on in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bakeoff.runs.run import Run
from bakeoff.spec.errors import DataError, SpecError
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from bakeoff.training import checkpoint
from bakeoff.training.checkpoint import LoopState

__all__ = ["begin", "go_on", "refuse_other_data", "refuse_other_terms"]

_SAME = "Give the same command as at the first start, with --out and --resume."


def begin(run: Run, recipe: Recipe, facts: dict[str, Any]) -> None:
    """A new directory. Whoever leads does this."""
    run.start(recipe, facts)
    run.record("began", {"exact": True})


def go_on(run: Run, facts: dict[str, Any], *, leads: bool) -> LoopState | None:
    """The newest whole state of a run that is there; None if it never got to one."""
    before = run.environment()
    _refuse_other(run, before, facts)
    found = checkpoint.load_newest(run.checkpoints)
    differing = [name for name in ("code", "device", "libraries") if before[name] != facts[name]]
    step = found.state.step if found else 0
    text = f"Resumed at step {step} on the same code, device and libraries: exact."
    if differing:
        text = f"Resumed at step {step} with other {' and '.join(differing)}: not exact."
    if leads:
        for refused in found.refused if found else ():
            run.record("note", {"text": refused, "exact": True})
        run.record("resumed", {"step": step, "exact": not differing, "text": text})
    return found.state if found else None


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
    _refuse_differing(run, before, {name: facts[name] for name in ("seed", "budget")})


def _refuse_differing(run: Run, before: dict[str, Any], asked: dict[str, Any]) -> None:
    for name, value in asked.items():
        if before[name] != value:
            rule = f"must be the one it began with, {before[name]}"
            raise SpecError(f"the {name} of {run.path}", rule, value, _SAME)
