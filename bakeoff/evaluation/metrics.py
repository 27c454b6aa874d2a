"""Numbers from per-picture probabilities: the one way they are computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ClassScore", "Metrics", "measure"]

Floats = npt.NDArray[np.float64]


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
    classes: tuple[ClassScore, ...]

    confusion: tuple[tuple[int, ...], ...]
    """Pictures by true class (rows) and predicted class (columns)."""


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


def _over(part: Floats, whole: npt.NDArray[np.int64]) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
