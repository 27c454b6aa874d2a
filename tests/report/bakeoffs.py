"""A finished bake-off on disk, made from random predictions of known accuracy: no training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.data.dataset import Dataset
from bakeoff.evaluation.metrics import Metrics, measure
from tests.report.events import events_of
from tests.report.predicted import (
    ESTIMATORS,
    Plan,
    numbers,
    pairs,
    parts,
    probabilities,
    reliability,
)
from tests.report.traits import cost, shape

__all__ = ["NAMES", "made"]

NAMES = (
    "resnet50",
    "convnext_tiny",
    "cnn10",
    "linear-probe",
    "efficientnet_b0",
    "vgg16",
    "mlp",
    "cnn6-small",
    "ridge",
    "speed-resnet9",
    "knn",
    "logistic-regression",
)
"""Contenders in the order of their accuracy; the last ones are no networks."""


def made(
    path: Path,
    contenders: int = 4,
    seeds: int = 2,
    pictures: int = 300,
    *,
    classes: int | Sequence[str] = 10,
    names: Sequence[str] | None = None,
    accuracies: Sequence[float] | None = None,
    part: str = "test",
    crashed: int = 0,
    leaked: int = 0,
    dataset: Dataset | None = None,
) -> Path:
    """Write a bake-off into `path`, and return it.

    Accuracies fall from 0.92 to 0.6 where none are given, the first two of them near each other.
    `crashed` more contenders have a reason and no numbers. With a `dataset`, its pictures, labels
    and classes are what was predicted.
    """
    called = tuple(names or _names(contenders))
    plan = Plan(
        path=path,
        names=called,
        accuracies=tuple(accuracies or _falling(len(called))),
        classes=dataset.classes if dataset else _class_names(classes),
        seeds=seeds,
        data=dataset.name if dataset else "made",
        digest=dataset.digest if dataset else "d" * 64,
        part=part,
        leaked=leaked,
        **parts(dataset, pictures, len(_class_names(classes))),
    )
    rows = [_contender(plan, place) for place in range(len(called))]
    rows += [_crashed(plan, number) for number in range(crashed)]
    compared = pairs(plan)
    facts = _facts(plan, rows, compared, _verdict(plan, rows, compared))
    asked = {"schema": 1, "asked": facts["asked"], "data": plan.digest, "recipes": list(called)}
    _write(path / "bakeoff.json", asked)
    _write(path / "result.json", facts)
    return path


def _names(count: int) -> list[str]:
    return [NAMES[i] if i < len(NAMES) else f"contender-{i + 1}" for i in range(count)]


def _falling(count: int) -> list[float]:
    found: list[float] = np.linspace(0.92, 0.6, max(count - 1, 2)).round(3).tolist()
    return [found[0], found[0] - 0.008, *found[1:]][:count]


def _class_names(classes: int | Sequence[str]) -> tuple[str, ...]:
    if not isinstance(classes, int):
        return tuple(classes)
    few = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    return few[:classes] if classes <= 10 else tuple(f"class {i:03d}" for i in range(classes))


def _contender(plan: Plan, place: int) -> dict[str, Any]:
    name, part = plan.names[place], plan.part
    for side in plan.parts:
        tables = [probabilities(plan, place, seed, side) for seed in range(plan.seeds)]
        plan.tables[name, side] = tables
    runs = [_run(plan, place, seed) for seed in range(plan.seeds)]
    labels = plan.parts[part].labels
    measured = [measure(table, labels, plan.classes) for table in plan.tables[name, part]]
    together = measure(
        np.concatenate(plan.tables[name, part]), np.tile(labels, plan.seeds), plan.classes
    )
    network = name not in ESTIMATORS
    return {
        "name": name,
        "note": f"{name}, made for tests",
        "recipe_digest": f"{place:064x}",
        "status": "finished",
        "reason": None,
        "runs": runs,
        "validation": float(np.mean([run["validation"] for run in runs])),
        "numbers": numbers(plan, name, measured),
        "classes": [_plain_class(one, plan.seeds) for one in together.classes],
        "confusion": [list(row) for row in together.confusion],
        "reliability": reliability(plan, name),
        "cost": cost(place, network),
        "shape": shape(place, network),
        "warnings": [],
    }


def _plain_class(score: Any, seeds: int) -> dict[str, Any]:
    return {
        "name": score.name,
        "precision": score.precision,
        "recall": score.recall,
        "f1": score.f1,
        "support": score.support // seeds,
    }


def _run(plan: Plan, place: int, seed: int) -> dict[str, Any]:
    """Write one run's directory, and say what the bake-off keeps of it."""
    name = plan.names[place]
    folder = plan.path / "runs" / f"{name}-{seed}"
    (folder / "predictions").mkdir(parents=True)
    for side in ("val", plan.part):
        known, table = plan.parts[side], plan.tables[name, side][seed]
        file = folder / "predictions" / f"{side}.npz"
        np.savez(file, indices=known.indices, labels=known.labels, probabilities=table)
    accuracy = {
        side: float((plan.tables[name, side][seed].argmax(1) == plan.parts[side].labels).mean())
        for side in plan.parts
    }
    seconds = 20.0 + 15 * place + seed
    events = [] if name in ESTIMATORS else events_of(accuracy["val"], place, seed, seconds)
    (folder / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    metrics = measure(plan.tables[name, "val"][seed], plan.parts["val"].labels, plan.classes)
    _write(folder / "environment.json", _environment(plan, place, seed))
    _write(folder / "result.json", _run_result(metrics, plan, seed, seconds))
    return {
        "seed": seed,
        "path": f"runs/{name}-{seed}",
        "status": "finished",
        "validation": accuracy["val"],
        "accuracy": accuracy[plan.part],
        "tta": None,
        "seconds": seconds,
        "epochs": 8.0,
        "exact": True,
        "warnings": [],
    }


def _environment(plan: Plan, place: int, seed: int) -> dict[str, Any]:
    return {
        "bakeoff": "0.1.0",
        "code": "c" * 64,
        "recipe": f"{place:064x}",
        "data": {
            "name": plan.data,
            "digest": plan.digest,
            "classes": list(plan.classes),
            "plan": {},
            "sizes": {name: sum(one) for name, one in plan.counts.items()},
        },
        "seed": seed,
        "budget": None,
        "device": {
            "place": "cpu",
            "dtype": "float32",
            "threads": 2,
            "channels_last": True,
            "processes": 1,
            "reasons": [],
        },
        "python": "3.12.3",
        "system": "Linux x86_64",
        "libraries": {"torch": "2.13.0", "numpy": "2.4.6"},
    }


def _run_result(metrics: Metrics, plan: Plan, seed: int, seconds: float) -> dict[str, Any]:
    facts = asdict(metrics)
    return {
        "schema": 1,
        "part": "val",
        **facts,
        "warnings": [],
        "notes": [],
        "exact": True,
        "seed": seed,
        "data": plan.digest,
        "parameters": 100_000,
        "random_weights": False,
        "steps": 240,
        "seconds": {"prepare": 0.4, "train": seconds},
        "clock": f"{seconds + 0.4:.1f} s: prepare 0.4 s, train {seconds:.1f} s.",
    }


def _crashed(plan: Plan, number: int) -> dict[str, Any]:
    name = f"broken-{number + 1}"
    reason = "out of memory: the batch was halved to 1 and still does not fit"
    run = {
        "seed": 0,
        "path": f"runs/{name}-0",
        "status": "crashed",
        "validation": None,
        "accuracy": None,
        "tta": None,
        "seconds": 3.0,
        "epochs": 0.0,
        "exact": True,
        "warnings": [],
    }
    (plan.path / "runs" / f"{name}-0").mkdir(parents=True)
    return {
        "name": name,
        "note": "too large for this machine",
        "recipe_digest": f"{99 + number:064x}",
        "status": "crashed",
        "reason": reason,
        "runs": [run],
        "validation": None,
        "numbers": {},
        "classes": [],
        "confusion": [],
        "reliability": None,
        "cost": {},
        "shape": shape(0, network=True),
        "warnings": [],
    }


def _verdict(
    plan: Plan, rows: Sequence[dict[str, Any]], compared: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    finished = [row for row in rows if row["status"] == "finished"]
    warnings = ["Only one seed: how much chance there is in it is unknown."] * (plan.seeds == 1)
    warnings += [f"{row['name']} crashed: {row['reason']}." for row in rows if row["reason"]]
    if plan.leaked:
        warnings.append(f"{plan.leaked} test pictures have a duplicate in train or validation.")
    winner = max(finished, key=lambda row: row["validation"], default=None)
    if winner is None:
        words = "Nothing finished."
        told: dict[str, Any] = {"winner": None, "headline": words, "paragraph": words}
        for key in ("tied", "untold", "contradicted_by", "pareto", "pareto_size"):
            told[key] = []
        return {**told, "cheapest": None, "seed": 0, "prefer": "accuracy", "warnings": warnings}
    name = winner["name"]
    best = winner["numbers"]["accuracy"]
    tied, untold = (_like(name, compared, outcome) for outcome in ("tied", "can't tell"))
    headline = (
        f"{name} wins with an accuracy of {best['value']:.1%} ({best['low']:.1%} to "
        f"{best['high']:.1%}) on {best['n']:,} {plan.part} pictures, {plan.seeds} seeds."
    )
    more = f" It cannot be told from {', '.join(untold)}." if untold else ""
    return {
        "winner": name,
        "seed": 0,
        "headline": headline,
        "paragraph": headline + more,
        "tied": tied,
        "untold": untold,
        "contradicted_by": [],
        "cheapest": min([name, *tied], key=lambda one: _cost_of(finished, one, "latency")),
        "prefer": "accuracy",
        "pareto": _front(finished, "latency"),
        "pareto_size": _front(finished, "bytes"),
        "warnings": warnings,
    }


def _like(name: str, compared: Sequence[dict[str, Any]], outcome: str) -> list[str]:
    """Those whose pair with `name` came out so."""
    return [
        pair["second"] if pair["first"] == name else pair["first"]
        for pair in compared
        if name in (pair["first"], pair["second"]) and pair["outcome"] == outcome
    ]


def _front(rows: Sequence[dict[str, Any]], cost: str) -> list[str]:
    front, most = [], 0.0
    for row in sorted(rows, key=lambda row: row["cost"][cost]):
        if row["numbers"]["accuracy"]["value"] > most:
            most = row["numbers"]["accuracy"]["value"]
            front.append(row["name"])
    return front


def _cost_of(rows: Sequence[dict[str, Any]], name: str, cost: str) -> float:
    return float(next(row["cost"][cost] for row in rows if row["name"] == name))


def _facts(
    plan: Plan,
    rows: Sequence[dict[str, Any]],
    compared: Sequence[dict[str, Any]],
    verdict: dict[str, Any],
) -> dict[str, Any]:
    tested = plan.part == "test"
    known = plan.parts[plan.part]
    return {
        "schema": 1,
        "kind": "bakeoff",
        "began": "2026-03-01T10:00:00Z",
        "seconds": {"total": 431.0, "prepare": 12.0, "train": 402.0, "test": 17.0},
        "asked": {
            "data": plan.data,
            "lineup": "quick",
            "seeds": plan.seeds,
            "budget": None,
            "prefer": "accuracy",
            "max_latency": None,
            "max_size": None,
            "margin": 0.005,
            "test": tested,
            "command": f"bakeoff run {plan.data} --seeds {plan.seeds}",
        },
        "data": {
            "name": plan.data,
            "digest": plan.digest,
            "classes": list(plan.classes),
            "counts": plan.counts,
            "findings": [{"severity": "note", "text": "Classes are of equal size."}],
            "leaked": {
                "pictures": plan.leaked,
                "indices": known.indices[: plan.leaked].tolist(),
            },
        },
        "environment": {
            "device": "cpu",
            "threads": 2,
            "libraries": {"torch": "2.13.0", "numpy": "2.4.6"},
            "code": "c" * 64,
            "platform": "Linux x86_64, Python 3.12.3",
        },
        "lineup": {
            "name": "quick",
            "reason": "small pictures, no accelerator: the quick ones.",
            "left_out": [{"recipe": "vit_base", "reason": "no weights are at hand"}],
        },
        "part": plan.part,
        "opened": {"times": 2, "before": 1} if tested else None,
        "contenders": list(rows),
        "pairs": list(compared),
        "verdict": verdict,
    }


def _write(path: Path, facts: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
