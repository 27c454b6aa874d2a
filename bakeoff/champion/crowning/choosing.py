"""Which run becomes the champion: the winner's best, another that is asked for, or one alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.champion.crowning.keeping import kept, warning
from bakeoff.runs.folder import Folder
from bakeoff.runs.repeatable import repeatable
from bakeoff.runs.run import Run
from bakeoff.spec.errors import DataError, SpecError, one_of
from bakeoff.spec.estimator import Estimator

__all__ = ["Chosen", "chosen"]

Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """A run, and what a bake-off knows of it."""

    run: Run
    name: str
    seed: int

    row: Facts | None
    """The contender's part of the bake-off's result; None for a run of its own."""

    bakeoff: Facts | None
    """All of that result."""

    @property
    def digest(self) -> str:
        """SHA-256 of what the run ended with, and of what the bake-off says of it: another champion
        is made where either is another."""
        told = hashlib.sha256((self.run.path / "weights.safetensors").read_bytes())
        if self.bakeoff is not None:
            facts = {name: self.bakeoff[name] for name in ("verdict", "part", "opened")}
            told.update(json.dumps([facts, self.row], sort_keys=True).encode())
        return told.hexdigest()

    @property
    def is_winner(self) -> bool:
        return self.bakeoff is not None and self.bakeoff["verdict"]["winner"] == self.name

    @property
    def part(self) -> str:
        """The part that its numbers are of."""
        return "val" if self.bakeoff is None else str(self.bakeoff["part"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known before any number is believed."""
        if self.bakeoff is None or self.row is None:
            own = self.run.result()["warnings"]
            return tuple(dict.fromkeys([*self._standing(), *own, *self._kept()]))
        # Those of one contender come with its name; its own are in its row.
        names = tuple(f"{row['name']}: " for row in self.bakeoff["contenders"])
        of_all = [
            text for text in self.bakeoff["verdict"]["warnings"] if not text.startswith(names)
        ]
        told = [*self._standing(), *self.row["warnings"], *of_all, *self._kept()]
        return tuple(dict.fromkeys(told))

    @property
    def sameness(self) -> str | None:
        """What another seed would give, where nothing is random that would show in it."""
        recipe = self.run.recipe()
        random = self.run.result()["random_weights"]
        fixed = (
            repeatable(recipe, random_weights=random)
            if self.row is None
            else bool(self.row["deterministic"])
        )
        if not fixed:
            return None
        several = self.row is not None and len(self.row["runs"]) > 1
        if isinstance(recipe.network, Estimator) and recipe.network.grid and not several:
            return (
                "Nothing in its fit is random: another seed gives the same, unless the folds that "
                "it draws choose another of its settings."
            )
        return "Nothing in it is random: another seed gives the same."

    def _kept(self) -> list[str]:
        facts = kept(self.run.recipe(), self.run.environment()["data"]["sizes"]["train"])
        return [] if facts is None else [warning(facts)]

    def _standing(self) -> list[str]:
        if self.bakeoff is None:
            return [
                "It was never compared with another: one run of one seed, measured on the "
                "validation part alone. The test part is sealed."
            ]
        found = []
        if not self.is_winner:
            verdict = self.bakeoff["verdict"]
            found.append(
                f"It was asked for by name and is not what the bake-off chose: that is "
                f"{verdict['winner']}."
                if verdict["winner"]
                else "It was asked for by name: the bake-off chose nobody."
            )
        if self.part == "val":
            found.append(
                "The test part is sealed: all numbers are of the validation part, by which it was "
                "also chosen, and flatter it."
            )
        return found


def chosen(path: Path, *, recipe: str | None = None, seed: int | None = None) -> Chosen:
    """The run to crown of a bake-off that is over, or of the directory of a run."""
    if (path / "bakeoff.json").exists():
        return _contender(path, recipe, seed)
    if not (path / "environment.json").exists():
        raise DataError(
            str(path),
            "holds neither a bake-off nor a run" if path.exists() else "is not there",
            suggestion="Give the --out of `bakeoff run` or of `bakeoff train`.",
        )
    run = Run(path=path)
    if not run.is_sealed:
        raise DataError(
            str(path),
            "is not sealed: its training is not over",
            suggestion=f"Go on with it first, by the same command with --out {path} --resume.",
        )
    name, trained = run.recipe().name, run.result()["seed"]
    for option, given, own in (("--recipe", recipe, name), ("--seed", seed, trained)):
        if given is not None and given != own:
            raise SpecError(option, f"must be {own!r}, as {path} holds this one run", given)
    return Chosen(run=run, name=name, seed=trained, row=None, bakeoff=None)


def _contender(path: Path, recipe: str | None, seed: int | None) -> Chosen:
    folder = Folder(path=path)
    try:
        told = folder.result()
    except json.JSONDecodeError as error:
        raise DataError(str(path / "result.json"), f"is not what was written ({error})") from None
    if told is None:
        raise DataError(
            str(path),
            "holds a bake-off that is not over",
            suggestion="Go on with it: the same `bakeoff run` with the same --out.",
        )
    winner = told["verdict"]["winner"]
    name = recipe or winner
    if name is None:
        raise DataError(
            str(path),
            f"has no winner: {told['verdict']['paragraph']}",
            suggestion="Mend that, or name a contender that finished with --recipe.",
        )
    rows = {row["name"]: row for row in told["contenders"]}
    if name not in rows:
        raise SpecError("--recipe", "must be a contender's", name, one_of(name, rows))
    row = rows[name]
    finished = {run["seed"]: run for run in row["runs"] if run["status"] == "finished"}
    if not finished:
        rule = f"must be a contender that finished; {name} {row['status']}: {row['reason']}"
        raise SpecError("--recipe", rule)
    if seed is None:
        seed = max(finished, key=lambda k: _validation(finished[k]))
        if name == winner and told["verdict"]["seed"] in finished:
            seed = int(told["verdict"]["seed"])
    if seed not in finished:
        known = ", ".join(map(str, finished))
        raise SpecError("--seed", f"must be one that {name} finished with ({known})", seed)
    run = Run(path=path / finished[seed]["path"])
    return Chosen(run=run, name=name, seed=seed, row=row, bakeoff=told)


def _validation(run: Facts) -> float:
    return float(run["validation"] or 0.0)
