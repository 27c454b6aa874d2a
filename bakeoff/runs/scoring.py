"""From the tables of a contender's runs to its row of result.json: every number, computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation import intervals
from bakeoff.evaluation.calibration import reliability
from bakeoff.evaluation.intervals import Interval
from bakeoff.evaluation.metrics import measure
from bakeoff.evaluation.predictions import Predictions
from bakeoff.evaluation.statistic import STATISTICS, named
from bakeoff.runs.journal import Ended
from bakeoff.runs.lineup import Contender
from bakeoff.runs.repeatable import repeatable
from bakeoff.runs.run import Run
from bakeoff.runs.shape import shape
from bakeoff.spec import codec

__all__ = ["Scored", "row", "unlike"]

_TOP = (2, 3, 5)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """One contender with all that was found of it."""

    contender: Contender
    ended: dict[int, Ended]
    """By seed: how each run that was begun ended."""

    runs: dict[int, Run]
    """By seed: those that ended well."""

    tables: dict[int, Predictions]
    """By seed: what they said of the part that is measured."""

    tta: dict[int, Predictions]
    cost: dict[str, Any]
    warnings: tuple[str, ...] = ()
    why_not: str | None = None
    """Why it is compared with nobody, should that be so."""

    @property
    def name(self) -> str:
        return self.contender.name

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Whether each picture is right, seeds × pictures."""
        return np.stack([table.correct for table in self.tables.values()])

    @property
    def deterministic(self) -> bool:
        """Whether other seeds would say the same: by its recipe, and its runs bear it out."""
        random = any(run.result()["random_weights"] for run in self.runs.values())
        rows = [table.correct for table in self.tables.values()]
        return repeatable(self.contender.recipe, random_weights=random) and all(
            np.array_equal(row, rows[0]) for row in rows
        )

    @property
    def validation(self) -> float | None:
        """The mean over seeds, by which contenders are chosen."""
        found = [run.result()["accuracy"] for run in self.runs.values()]
        return float(np.mean(found)) if found else None


def unlike(runs: Sequence[Run], digest: str) -> str | None:
    """Why these runs are not of one contender on one dataset; None where they are."""
    facts = [run.environment() for run in runs]
    for one in facts:
        if one["data"]["digest"] != digest:
            return "not comparable: its data or split has another digest"
    if len({one["recipe"] for one in facts}) > 1:
        return "not comparable: its seeds were trained by recipes of different digests"
    return None


def cut_short(ended: Mapping[int, Ended]) -> str | None:
    """Why a contender of which a run was stopped has no mean: what remains would flatter it."""
    for seed, one in ended.items():
        if one.status == "stopped":
            return f"Seed {seed}: {one.reason}"
    return None


def row(scored: Scored, *, leaked: npt.NDArray[np.int64], stopped: str | None) -> dict[str, Any]:
    """The contender's row."""
    status, reason = _status(scored, stopped)
    told: dict[str, Any] = {
        "name": scored.name,
        "note": scored.contender.recipe.note,
        "recipe_digest": _digest(scored),
        "status": status,
        "reason": reason,
        "deterministic": scored.deterministic,
        "runs": [_run(scored, seed) for seed in scored.ended],
        "validation": scored.validation,
        "numbers": {},
        "classes": [],
        "confusion": [],
        "reliability": None,
        "cost": _cost(scored),
        "shape": _shape(scored),
        "warnings": [*scored.warnings, *_warnings(scored)],
    }
    if scored.tables:
        told |= _measured(scored, leaked)
    return told


def _status(scored: Scored, stopped: str | None) -> tuple[str, str | None]:
    if stopped is not None:
        return "stopped", stopped
    cut = cut_short(scored.ended)
    if cut is not None:
        return "stopped", cut
    if scored.why_not is not None:
        return "crashed", scored.why_not
    if scored.runs:
        return "finished", None
    last = list(scored.ended.values())[-1:]
    if not last:
        return "unfinished", "None of its runs was begun."
    return last[0].status, last[0].reason


def _measured(scored: Scored, leaked: npt.NDArray[np.int64]) -> dict[str, Any]:
    tables = list(scored.tables.values())
    classes = tables[0].classes
    together = measure(
        np.concatenate([one.probabilities for one in tables]),
        np.concatenate([one.labels for one in tables]),
        classes,
    )
    sure = reliability(
        np.concatenate([one.probabilities for one in tables]),
        np.concatenate([one.labels for one in tables]),
    )
    return {
        "numbers": {name: asdict(one) for name, one in _numbers(scored, tables, leaked).items()},
        "classes": [
            {
                "name": one.name,
                "precision": one.precision,
                "recall": one.recall,
                "f1": one.f1,
                # Of one run: the pictures are the same for all.
                "support": one.support // len(tables),
            }
            for one in together.classes
        ],
        "confusion": [list(line) for line in together.confusion],
        "reliability": {"bins": [_bin(one) for one in sure.bins], "ece": sure.ece},
    }


def _numbers(
    scored: Scored, tables: list[Predictions], leaked: npt.NDArray[np.int64]
) -> dict[str, Interval]:
    # A fit that was repeated is no sample of seeds.
    runs = 1 if scored.deterministic else len(tables)
    tables, correct = tables[:runs], scored.correct[:runs]
    found = {"accuracy": intervals.accuracy(correct)}
    if len(scored.tta) == len(scored.tables):
        tta = np.stack([one.correct for one in scored.tta.values()])
        found["tta"] = intervals.accuracy(tta[:runs])
    names = [*STATISTICS, *(f"top{k}" for k in _TOP if k < len(tables[0].classes))]
    found |= {name: intervals.bootstrap(named(name), tables) for name in names}
    if len(leaked):
        clean = ~np.isin(tables[0].indices, leaked)
        if clean.any():
            found["clean_accuracy"] = intervals.accuracy(correct[:, clean])
    return found


def _bin(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("low", "high", "count", "confidence", "accuracy")}


def _run(scored: Scored, seed: int) -> dict[str, Any]:
    ended = scored.ended[seed]
    told = {
        "seed": seed,
        "path": f"runs/{scored.name}-{seed}",
        "status": ended.status,
        "validation": None,
        "accuracy": None,
        "tta": None,
        "seconds": ended.seconds,
        "epochs": 0.0,
        "exact": True,
        "warnings": [] if ended.reason is None else [ended.reason],
    }
    if seed not in scored.runs:
        return told
    result = scored.runs[seed].result()
    return told | {
        "validation": result["accuracy"],
        "accuracy": _accuracy(scored.tables.get(seed)),
        "tta": _accuracy(scored.tta.get(seed)),
        "seconds": result["seconds"]["train"],
        "epochs": scored.runs[seed].epochs(),
        "exact": result["exact"],
        "warnings": result["warnings"],
    }


def _accuracy(table: Predictions | None) -> float | None:
    return None if table is None else float(table.correct.mean())


def _digest(scored: Scored) -> str:
    """Of the recipe as it was settled; as it was declared, where no run got so far."""
    for run in scored.runs.values():
        return str(run.environment()["recipe"])
    return codec.digest(scored.contender.recipe)


def _cost(scored: Scored) -> dict[str, Any]:
    if not scored.runs:
        return {}
    took = [run.result()["seconds"]["train"] for run in scored.runs.values()]
    return {**scored.cost, "training": float(np.mean(took))}


def _shape(scored: Scored) -> dict[str, Any] | None:
    recipe, epochs = scored.contender.recipe, None
    for run in scored.runs.values():
        recipe = run.recipe()
        if recipe.stages:
            epochs = float(np.mean([one.epochs() for one in scored.runs.values()]))
        comment = " ".join(scored.contender.remarks)
        classes = len(run.environment()["data"]["classes"])
        return shape(recipe, classes=classes, epochs=epochs, comment=comment)
    return None


def _warnings(scored: Scored) -> list[str]:
    """What the runs say, each text once with the seeds that say it, and which seeds are missing."""
    said: dict[str, list[int]] = {}
    for seed, run in scored.runs.items():
        for text in run.result()["warnings"]:
            said.setdefault(text, []).append(seed)
    found = [
        text if len(who) == len(scored.runs) else f"Seed {', '.join(map(str, who))}: {text}"
        for text, who in said.items()
    ]
    if scored.runs:
        found += [
            f"Seed {seed} {ended.status}: {ended.reason}"
            for seed, ended in scored.ended.items()
            if ended.status != "finished"
        ]
    return found
