"""Suspected label errors, on simulated answers whose labels were wrong on purpose."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.evaluation.label_errors import confident_joint, likelihoods, suspects
from bakeoff.evaluation.predictions import Predictions

CLASSES, PICTURES = 8, 2000


@cache
def said(seed: int = 0, sharpness: float = 1.0) -> Predictions:
    """Calibrated answers, right nine times in ten: labels are drawn from the probabilities.

    `sharpness` makes the probabilities surer than they are right.
    """
    random = np.random.default_rng(seed)
    scores = random.normal(size=(PICTURES, CLASSES)) * 2.5
    scores[np.arange(PICTURES), random.integers(CLASSES, size=PICTURES)] += 8
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    labels = (shares.cumsum(1) > random.random((PICTURES, 1))).argmax(1)
    sharp = shares**sharpness
    return Predictions(
        indices=np.arange(PICTURES) + 7,
        labels=labels,
        probabilities=(sharp / sharp.sum(1, keepdims=True)).astype(np.float32),
        classes=tuple("abcdefgh"),
    )


def flipped(
    predictions: Predictions, share: float, seed: int = 0
) -> tuple[Predictions, npt.NDArray[np.bool_]]:
    """The same answers, with a share of the labels moved to any other class; which were."""
    random = np.random.default_rng(seed)
    wrong = np.zeros(len(predictions), np.bool_)
    wrong[random.choice(len(predictions), round(share * len(predictions)), replace=False)] = True
    moved = (predictions.labels + random.integers(1, CLASSES, len(predictions))) % CLASSES
    return replace(predictions, labels=np.where(wrong, moved, predictions.labels)), wrong


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_flipped_labels_are_found(sharpness: float) -> None:
    """Of one label in twenty flipped, most are found and most found are flipped, however sure the
    network is of itself; the right class is what is suggested."""
    predictions = said(sharpness=sharpness)
    told, wrong = flipped(predictions, 0.05)
    found = suspects(told)
    hits = wrong[found.rows]
    assert hits.mean() > 0.8
    assert hits.sum() > 0.6 * wrong.sum()
    right = found.suggested[hits] == predictions.labels[found.rows[hits]]
    assert right.mean() > 0.9


def test_their_number_is_estimated() -> None:
    """The estimate grows with the errors, and errs to the low side rather than the high."""
    numbers = [suspects(flipped(said(), share)[0]).errors for share in (0.0, 0.02, 0.05, 0.1)]
    assert numbers == sorted(numbers)
    assert numbers[0] < 0.005 * PICTURES
    for share, number in zip((0.02, 0.05, 0.1), numbers[1:], strict=True):
        assert 0.6 * share * PICTURES < number < 1.2 * share * PICTURES


def test_a_network_in_doubt_accuses_nobody() -> None:
    """A calibrated network's own mistakes, one in ten, are not taken for errors of the labels."""
    predictions = said()
    assert predictions.correct.mean() < 0.97
    assert len(suspects(predictions)) < 0.05 * (~predictions.correct).sum() + 5


def test_suspects_are_ranked_and_named_by_the_dataset() -> None:
    """The likeliest first; indices are those of the dataset; no suggestion is the given label."""
    told, _ = flipped(said(), 0.05)
    found = suspects(told)
    assert len(found) == round(found.errors)
    assert np.array_equal(found.indices, found.rows + 7)
    assert np.array_equal(found.given, told.labels[found.rows])
    assert (np.diff(found.scores) <= 0).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (found.given != found.suggested).all()
    assert np.array_equal(found.suggested, told.predicted[found.rows])


def test_likelihoods_are_what_they_say() -> None:
    """By Bayes: a wrong label has the given probability as often as any other class would."""
    calm = np.array([[0.9, 0.08, 0.02], [0.0, 0.0, 1.0]])
    found = likelihoods(calm, np.array([1, 0]), 0.1)
    assert found == pytest.approx([0.05 * 0.92 / (0.05 * 0.92 + 0.9 * 0.08), 1.0])
    assert likelihoods(calm, np.array([1, 0]), 0.0).tolist() == [0.0, 0.0]


def test_the_confident_joint_by_hand() -> None:
    """Only pictures that reach a class's mean own probability count, and rows are scaled to all
    pictures of the label."""
    shares = np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.2, 0.8], [0.05, 0.95]])
    labels = np.array([0, 0, 0, 1, 1])
    # Class 0 wants 0.567 and class 1 0.875: the picture at 0.8 is nobody's.
    found, expected = confident_joint(shares, labels, shares)
    assert found.tolist() == [[2.0, 1.0], [0.0, 2.0]]
    assert expected[0, 1] == pytest.approx(0.1 + 0.05)
    assert expected[1, 0] == pytest.approx((0.1 + 0.3) * 2)


@pytest.mark.parametrize("present", [1, 2])
def test_small_and_lopsided_parts(present: int) -> None:
    """A part in which classes are missing, or the network is never in doubt, has no errors."""
    labels = np.arange(6) % present
    shares = np.zeros((6, 4), np.float32)
    shares[np.arange(6), labels] = 1
    told = Predictions(
        indices=np.arange(6), labels=labels, probabilities=shares, classes=tuple("abcd")
    )
    found = suspects(told)
    assert (len(found), found.errors) == (0, 0.0)
    assert found.pictures == 6
