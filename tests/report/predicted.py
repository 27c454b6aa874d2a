"""Random predictions of known accuracy, and numbers from them that agree with each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.dataset import Dataset
from bakeoff.evaluation.calibration import reliability as measured_reliability
from bakeoff.evaluation.metrics import Metrics

__all__ = ["ESTIMATORS", "Plan", "numbers", "pairs", "parts", "probabilities", "reliability"]

ESTIMATORS = {"ridge", "knn", "logistic-regression"}
"""Contenders that are no networks."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """The pictures of one part."""

    indices: Array
    labels: Array
    difficulty: Array
    """What is hard for one contender is hard for the others too."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is to be made."""

    path: Path
    names: tuple[str, ...]
    accuracies: tuple[float, ...]
    classes: tuple[str, ...]
    seeds: int
    parts: dict[str, Part]
    counts: dict[str, list[int]]
    data: str
    digest: str
    part: str
    leaked: int
    tables: dict[tuple[str, str], list[Array]] = field(default_factory=dict)
    """Probabilities by contender and part, one for each seed."""


def parts(dataset: Dataset | None, pictures: int, classes: int) -> dict[str, Any]:
    """Indices and labels of validation and test, and pictures by class and part."""
    random = np.random.default_rng(7)
    if dataset is not None:
        taken = {"val": dataset.split.val, "test": dataset.split.test}
        labels = dataset.labels
        counts = {name: one.tolist() for name, one in dataset.counts().items()}
    else:
        labels = np.resize(np.arange(classes), 4 * pictures)
        order = random.permutation(4 * pictures)
        taken = {"val": np.sort(order[:pictures]), "test": np.sort(order[pictures : 2 * pictures])}
        sides = {"train": order[2 * pictures :], **taken}
        counts = {
            name: np.bincount(labels[side], minlength=classes).tolist()
            for name, side in sides.items()
        }
    parts = {
        name: Part(indices=side, labels=labels[side], difficulty=random.random(len(side)))
        for name, side in taken.items()
    }
    return {"parts": parts, "counts": counts}


def probabilities(plan: Plan, place: int, seed: int, part: str) -> Array:
    """A table in which just the wanted share of pictures is right, the difficult ones wrong."""
    random = np.random.default_rng([place, seed, part == "val"])
    known, size = plan.parts[part], len(plan.classes)
    count = len(known.labels)
    wanted = plan.accuracies[place] + (seed - (plan.seeds - 1) / 2) * 0.008
    right = np.zeros(count, np.bool_)
    ease = 1.2 * known.difficulty + random.random(count)
    right[np.argsort(ease)[: round(min(wanted, 1) * count)]] = True
    # Mistakes fall on the next class more often than on any other.
    away = np.where(random.random(count) < 0.6, 1, random.integers(1, size, count))
    predicted = np.where(right, known.labels, (known.labels + away) % size)
    sure = np.where(right, random.beta(6, 1.5, count), random.beta(3, 2, count))
    sure = 0.55 + 0.449 * sure
    rest = random.dirichlet(np.full(size, 0.6), count) + 1e-6
    rest[np.arange(count), predicted] = 0
    rest *= ((1 - sure) / rest.sum(1))[:, None]
    rest[np.arange(count), predicted] = sure
    table: Array = rest.astype(np.float32)
    return table


def _interval(values: Sequence[float], pictures: int, method: str = "bootstrap") -> dict[str, Any]:
    value = float(np.mean(values))
    error = 1.96 * math.sqrt(max(value * (1 - value), 0.01) / pictures)
    low, high = max(value - error, 0.0), value + error
    return {
        "value": value,
        "low": low,
        "high": min(high, 1.0) if value <= 1 else high,
        "n": pictures,
        "seeds": len(values),
        "level": 0.95,
        "method": method,
    }


def numbers(plan: Plan, name: str, measured: Sequence[Metrics]) -> dict[str, Any]:
    """Each number of a contender with its interval."""
    tables, labels = plan.tables[name, plan.part], plan.parts[plan.part].labels
    values: dict[str, list[float]] = {
        "accuracy": [one.accuracy for one in measured],
        "loss": [one.loss for one in measured],
    }
    for kind in ("precision", "recall", "f1"):
        values[f"macro_{kind}"] = [getattr(one, kind) for one in measured]
        values[f"weighted_{kind}"] = [getattr(one, f"weighted_{kind}") for one in measured]
    for k in measured[0].top:
        values[f"top{k}"] = [one.top[k] for one in measured]
    values["ece"] = [measured_reliability(table, labels).ece for table in tables]
    if plan.leaked:
        right = [table.argmax(1) == labels for table in tables]
        values["clean_accuracy"] = [float(one[plan.leaked :].mean()) for one in right]
    if name not in ESTIMATORS:
        values["tta"] = [min(one.accuracy + 0.006, 1.0) for one in measured]
    return {key: _interval(value, len(labels)) for key, value in values.items()}


def reliability(plan: Plan, name: str) -> dict[str, Any]:
    """Confidence and accuracy of a contender over all seeds, bin by bin."""
    labels = np.tile(plan.parts[plan.part].labels, plan.seeds)
    return asdict(measured_reliability(np.concatenate(plan.tables[name, plan.part]), labels))


def pairs(plan: Plan) -> list[dict[str, Any]]:
    """Every pair once, by the normal approximation: near enough to be drawn."""
    labels = plan.parts[plan.part].labels
    right = {
        name: np.stack([table.argmax(1) == labels for table in plan.tables[name, plan.part]])
        for name in plan.names
    }
    pairs = [
        _pair(right, first, second)
        for place, first in enumerate(plan.names)
        for second in plan.names[place + 1 :]
    ]
    least = 0.0
    for rank, pair in enumerate(sorted(pairs, key=lambda one: one["p"])):
        least = pair["adjusted"] = min(1.0, max(least, pair["p"] * (len(pairs) - rank)))
        _judge(pair)
    return pairs


def _pair(right: dict[str, Array], first: str, second: str) -> dict[str, Any]:
    one, other = right[first], right[second]
    each = (one.astype(np.float64) - other).mean(0)
    difference, error = float(each.mean()), float(each.std() / math.sqrt(each.size)) + 1e-9
    return {
        "first": first,
        "second": second,
        "difference": difference,
        "low": difference - 1.96 * error,
        "high": difference + 1.96 * error,
        "p": math.erfc(abs(difference) / error / math.sqrt(2)),
        "only_first": int((one & ~other).sum()),
        "only_second": int((other & ~one).sum()),
        "pictures": int(each.size),
        "seeds": len(one),
        "need": None,
    }


def _judge(pair: dict[str, Any]) -> None:
    first, second, points = pair["first"], pair["second"], 100 * pair["difference"]
    if pair["adjusted"] < 0.05:
        pair["outcome"] = "better" if points > 0 else "worse"
        pair["words"] = f"{first} is {pair['outcome']} than {second} by {abs(points):.1f} pp."
    elif max(abs(pair["low"]), abs(pair["high"])) < 0.005:
        pair["outcome"] = "tied"
        pair["words"] = f"{first} and {second} are tied."
    else:
        pair["outcome"] = "can't tell"
        pair["need"] = {"pictures": 4 * pair["pictures"], "seeds": 4 * pair["seeds"]}
        pair["words"] = (
            f"Whether {first} is better than {second} can't be told from {pair['pictures']:,} "
            f"pictures; about {4 * pair['pictures']:,} would tell."
        )
