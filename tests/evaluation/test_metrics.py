"""Metrics, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)
from sklearn.metrics import classification_report as sklearns_report

from bakeoff.evaluation.metrics import Metrics, classification_report, measure, most_confused

Probabilities = npt.NDArray[np.float32]


def drawn(
    seed: int, pictures: int = 200, classes: int = 7, never: tuple[int, ...] = ()
) -> tuple[Probabilities, npt.NDArray[np.int64]]:
    """Random predictions that are right now and then; some classes are never predicted."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, pictures)
    scores = random.normal(size=(pictures, classes)) + 1.5 * np.eye(classes)[labels]
    scores[:, list(never)] = -5 - np.arange(len(never))
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
    values = [found.accuracy, found.loss, found.f1, found.weighted_f1, found.classes[0].f1]
    values += found.top.values()
    assert {type(value) for value in values} == {float}
    assert {type(cell) for row in found.confusion for cell in row} == {int}
    assert type(found.classes[0].support) is int


CASES = {
    "seed": st.integers(0, 10_000),
    "pictures": st.integers(1, 150),
    "classes": st.integers(2, 12),
    "gone": st.sets(st.integers(0, 11), max_size=4),
}
"""Random predictions; the classes `gone` are never predicted, and have no pictures if even."""


def case(
    seed: int, pictures: int, classes: int, gone: set[int]
) -> tuple[Probabilities, npt.NDArray[np.int64]]:
    """Predictions as described; one class at least is left."""
    gone = {place for place in gone if 0 < place < classes}
    probabilities, labels = drawn(seed, pictures, classes, never=tuple(gone))
    return probabilities, np.where(np.isin(labels, [c for c in gone if c % 2 == 0]), 0, labels)


@given(**CASES)
@settings(max_examples=40, deadline=None)
def test_all_of_them_are_scikit_learns(
    seed: int, pictures: int, classes: int, gone: set[int]
) -> None:
    """However many pictures and classes, with classes that are never predicted or have none."""
    probabilities, labels = case(seed, pictures, classes, gone)
    found, predicted = measured(probabilities, labels), probabilities.argmax(1)
    names = list(range(classes))
    for kind in ("macro", "weighted"):
        wanted = precision_recall_fscore_support(
            labels, predicted, labels=names, average=kind, zero_division=0
        )
        start = "" if kind == "macro" else "weighted_"
        ours = [getattr(found, start + name) for name in ("precision", "recall", "f1")]
        assert ours == pytest.approx(wanted[:3], abs=1e-12)
    assert found.weighted_recall == pytest.approx(found.accuracy)
    doubles = probabilities.astype(np.float64)
    doubles /= doubles.sum(1, keepdims=True)
    assert found.loss == pytest.approx(log_loss(labels, doubles, labels=names), rel=1e-5)
    matrix = confusion_matrix(labels, predicted, labels=names)
    assert [list(row) for row in found.confusion] == matrix.tolist()
    assert list(found.top) == [k for k in (2, 3, 5) if k < classes]
    for k, share in found.top.items():
        wanted = top_k_accuracy_score(labels, probabilities, k=k, labels=names)
        assert share == pytest.approx(wanted, abs=1e-12)


def test_equally_likely_classes() -> None:
    """The first counts as likelier, as it does for the prediction."""
    probabilities = np.full((4, 4), 0.25, np.float32)
    found = measured(probabilities, np.arange(4))
    assert found.accuracy == 0.25
    assert found.top == {2: 0.5, 3: 0.75}


@given(**CASES, digits=st.sampled_from([0, 1, 2, 3, 5, 15]), letters=st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_the_report_is_scikit_learns(
    seed: int, pictures: int, classes: int, gone: set[int], digits: int, letters: int
) -> None:
    """To the letter, with names shorter and longer than the headings. (Where not one picture is
    right scikit-learn prints counts as `3.0`; not we.)"""
    probabilities, labels = case(seed, pictures, classes, gone)
    assume((probabilities.argmax(1) == labels).any())
    names = tuple("Übergröße " * 2 + str(c) for c in range(classes))
    names = tuple(name[-letters:] for name in names)
    wanted = sklearns_report(
        labels,
        probabilities.argmax(1),
        labels=range(classes),
        target_names=names,
        digits=digits,
        zero_division=0,
    )
    found = measure(probabilities, labels, names)
    assert classification_report(found, digits) == wanted
    if digits == 2:
        assert classification_report(found) == wanted


def test_the_pairs_most_confused() -> None:
    """Both directions together, the worst first, and none without a mistake."""
    labels = np.repeat([0, 1, 2, 3], 5)
    predicted = np.array([0, 0, 0, 1, 2, 1, 1, 1, 0, 0, 2, 2, 2, 2, 0, 3, 3, 3, 3, 3])
    metrics = measure(np.eye(4, dtype=np.float32)[predicted], labels, ("a", "b", "c", "d"))
    worst, next_worst = most_confused(metrics)
    assert (worst.first, worst.second, worst.pictures) == ("a", "b", 3)
    assert (worst.first_as_second, worst.second_as_first) == (1, 2)
    assert (next_worst.first, next_worst.second, next_worst.pictures) == ("a", "c", 2)
    assert most_confused(metrics, 1) == (worst,)
    assert most_confused(metrics, 0) == ()
