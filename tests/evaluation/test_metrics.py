"""Metrics, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)

from bakeoff.evaluation.metrics import Metrics, measure

Probabilities = npt.NDArray[np.float32]


def drawn(
    seed: int, pictures: int = 200, classes: int = 7, never: tuple[int, ...] = ()
) -> tuple[Probabilities, npt.NDArray[np.int64]]:
    """Random predictions that are right now and then; some classes are never predicted."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, pictures)
    scores = random.normal(size=(pictures, classes)) + 1.5 * np.eye(classes)[labels]
    scores[:, list(never)] = -5
    shares = np.exp(scores)
    return (shares / shares.sum(1, keepdims=True)).astype(np.float32), labels


def measured(probabilities: Probabilities, labels: npt.NDArray[np.int64]) -> Metrics:
    """With classes named by their numbers."""
    return measure(probabilities, labels, tuple(str(c) for c in range(probabilities.shape[1])))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("never", [(), (0,), (2, 6), (0, 1, 2, 3, 4, 5)])
def test_they_are_scikit_learns(seed: int, never: tuple[int, ...]) -> None:
    """Accuracy, loss, macro and per-class precision, recall and F1, support and confusion, also
    where classes are never predicted."""
    probabilities, labels = drawn(seed, never=never)
    found = measured(probabilities, labels)
    predicted = probabilities.argmax(1)
    names = list(range(7))
    each = precision_recall_fscore_support(labels, predicted, labels=names, zero_division=0)
    macro = precision_recall_fscore_support(
        labels, predicted, labels=names, average="macro", zero_division=0
    )
    assert found.pictures == 200
    assert found.accuracy == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)
    wanted = log_loss(labels, probabilities, labels=names)
    assert found.loss == pytest.approx(wanted, rel=1e-5)
    assert (found.precision, found.recall, found.f1) == pytest.approx(macro[:3], abs=1e-12)
    for place, one in enumerate(found.classes):
        assert one.name == str(place)
        shown = (one.precision, one.recall, one.f1, one.support)
        assert shown == pytest.approx([part[place] for part in each], abs=1e-12)
        assert one.predicted == int((predicted == place).sum())
    matrix = confusion_matrix(labels, predicted, labels=names)
    assert [list(row) for row in found.confusion] == matrix.tolist()


def test_classes_without_pictures() -> None:
    """A class that validation has none of counts with zeros, as in scikit-learn."""
    probabilities, labels = drawn(0)
    labels = np.where(labels == 3, 4, labels)
    found = measured(probabilities, labels)
    macro = precision_recall_fscore_support(
        labels,
        probabilities.argmax(1),
        labels=list(range(7)),
        average="macro",
        zero_division=0,
    )
    assert (found.precision, found.recall, found.f1) == pytest.approx(macro[:3], abs=1e-12)
    assert (found.classes[3].recall, found.classes[3].support) == (0, 0)


def test_a_sure_mistake_costs_much_and_not_infinitely() -> None:
    """A probability of zero for the true class has a finite loss."""
    probabilities = np.array([[1, 0], [1, 0]], np.float32)
    found = measured(probabilities, np.array([1, 0]))
    assert found.loss == pytest.approx(-np.log(1e-12) / 2)


def test_numbers_are_plain() -> None:
    """What comes out goes into JSON as it is."""
    found = measured(*drawn(1))
    values = [found.accuracy, found.loss, found.f1, found.classes[0].f1]
    assert {type(value) for value in values} == {float}
    assert {type(cell) for row in found.confusion for cell in row} == {int}
    assert type(found.classes[0].support) is int
