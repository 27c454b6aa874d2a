"""Numbers from per-picture probabilities: the one way they are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

__all__ = [
    "ClassScore",
    "Confused",
    "Metrics",
    "classification_report",
    "measure",
    "most_confused",
]

Floats = npt.NDArray[np.float64]

_TOP = (2, 3, 5)
"""How many guesses a picture is given, beside one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassScore:
    """How one class fared."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """How a set of pictures was classified."""

    pictures: int
    accuracy: float
    loss: float
    """Mean cross-entropy, in nats."""

    precision: float
    """Macro: the mean over classes, each counting the same."""

    recall: float
    f1: float

    weighted_precision: float
    """The mean over classes, each counting by its pictures."""

    weighted_recall: float
    weighted_f1: float

    top: Mapping[int, float]
    """Share of pictures whose class is among the k likeliest, for each k below the number of
    classes. Of classes that are equally likely the first counts as likelier, as in `accuracy`."""

    classes: tuple[ClassScore, ...]

    confusion: tuple[tuple[int, ...], ...]
    """Pictures by true class (rows) and predicted class (columns)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confused:
    """Two classes that are taken for one another."""

    first: str
    second: str
    pictures: int
    """Mistakes between the two, in both directions."""

    first_as_second: int
    second_as_first: int


def measure(
    probabilities: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    classes: tuple[str, ...],
) -> Metrics:
    """Metrics of pictures with these class probabilities and true classes.

    Where a class is never predicted its precision is 0, and where it has no pictures its recall
    is, as in scikit-learn with `zero_division=0`.
    """
    assert probabilities.shape == (len(labels), len(classes)), probabilities.shape
    predicted = probabilities.argmax(1)
    size = len(classes)
    confusion = np.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)
    hits = np.diag(confusion).astype(np.float64)
    support, claimed = confusion.sum(1), confusion.sum(0)
    precision, recall = _over(hits, claimed), _over(hits, support)
    f1 = _over(2 * hits, claimed + support)
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Metrics(
        pictures=len(labels),
        accuracy=float(hits.sum() / len(labels)),
        # No classifier is so sure that one mistake should cost infinitely much.
        loss=float(-np.log(np.maximum(chosen, 1e-12)).mean()),
        precision=float(precision.mean()),
        recall=float(recall.mean()),
        f1=float(f1.mean()),
        weighted_precision=float(np.average(precision, weights=support)),
        weighted_recall=float(np.average(recall, weights=support)),
        weighted_f1=float(np.average(f1, weights=support)),
        top=_top(probabilities, labels),
        classes=tuple(
            ClassScore(
                name=name,
                precision=float(precision[place]),
                recall=float(recall[place]),
                f1=float(f1[place]),
                support=int(support[place]),
                predicted=int(claimed[place]),
            )
            for place, name in enumerate(classes)
        ),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def classification_report(metrics: Metrics, digits: int = 2) -> str:
    """The table of scikit-learn's function of that name, to the letter."""
    heads = ("precision", "recall", "f1-score", "support")
    names = [one.name for one in metrics.classes]
    width = max(digits, *(len(name) for name in [*names, "weighted avg"]))

    def row(name: str, *numbers: float | str) -> str:
        cells = [one if isinstance(one, str) else f"{one:.{digits}f}" for one in numbers]
        # Two blanks before the first column, and one before each of the others.
        return f"{name:>{width}} " + "".join(f" {cell:>9}" for cell in cells)

    n, accuracy = str(metrics.pictures), metrics.accuracy
    macro = (metrics.precision, metrics.recall, metrics.f1)
    weighted = (metrics.weighted_precision, metrics.weighted_recall, metrics.weighted_f1)
    each = (row(c.name, c.precision, c.recall, c.f1, str(c.support)) for c in metrics.classes)
    lines = [row("", *heads), "", *each, ""]
    lines.append(row("accuracy", "", "", accuracy, n))
    lines.append(row("macro avg", *macro, n))
    lines.append(row("weighted avg", *weighted, n))
    return "\n".join(lines) + "\n"


def most_confused(metrics: Metrics, k: int = 10) -> tuple[Confused, ...]:
    """The k pairs of classes with the most mistakes between them, the worst first; fewer where
    fewer have any."""
    names, counts = [one.name for one in metrics.classes], metrics.confusion
    pairs = [
        Confused(
            first=names[one],
            second=names[other],
            pictures=counts[one][other] + counts[other][one],
            first_as_second=counts[one][other],
            second_as_first=counts[other][one],
        )
        for one, other in combinations(range(len(names)), 2)
        if counts[one][other] + counts[other][one]
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair.pictures)[:k])


def _top(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> Mapping[int, float]:
    size = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(size) < labels[:, None]
    ahead = ((probabilities > own) | ((probabilities == own) & earlier)).sum(1)
    return {k: float((ahead < k).mean()) for k in _TOP if k < size}


def _over(part: Floats, whole: npt.NDArray[np.int64]) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
