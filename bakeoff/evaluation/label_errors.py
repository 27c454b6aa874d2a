"""Labels that are probably wrong, by confident learning (Northcutt, Jiang and Chuang, 2021).

What it needs is what a network said of pictures that it was not trained on: of those that it was,
it knows the wrong labels by heart. A picture that is called surely something else than its label
is counted in the confident joint, label by class. A good network, too, is sure and wrong now and
then; how often, its calibrated probabilities tell, and so many are taken off the count. What is
left is the number of errors, and so many of the likeliest are the suspects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from bakeoff.evaluation.calibration import tempered
from bakeoff.evaluation.predictions import Predictions

__all__ = ["Suspects", "confident_joint", "likelihoods", "suspects"]

Floats = npt.NDArray[np.float64]
Shares = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]

_HEATS = tuple(float(heat) for heat in np.linspace(-2.5, 2.5, 11))
"""Logarithms of the temperatures that are tried first."""

_SPREAD = 0.5
"""How far such a logarithm usually is from 0. Without it, of pictures that are all right, however
few, the labels would ask for certainty."""

_ROUNDS = 30

_MOST = 0.5
"""With more wrong labels than right ones, which are which cannot be told."""

_LEAST = 1e-300


@dataclass(frozen=True, kw_only=True, eq=False)
class Suspects:
    """Pictures whose labels are probably wrong, the likeliest first."""

    pictures: int
    """How many were looked at."""

    errors: float
    """How many of them are estimated to bear a wrong label; rather too few than too many."""

    rows: Integers
    """Of the suspects in their predictions."""

    indices: Integers
    """In their dataset."""

    given: Integers
    suggested: Integers
    """The likeliest class but for the given one."""

    scores: Floats
    """The likelihood that the given label is wrong, if errors fall on any class alike."""

    def __len__(self) -> int:
        return len(self.rows)


def suspects(predictions: Predictions) -> Suspects:
    """The labels of these pictures that are probably wrong.

    `predictions` must be of pictures that the network was not trained on, such as validation.
    """
    labels, shares = predictions.labels, predictions.probabilities
    calm = _calibrated(shares, labels)
    found, expected = confident_joint(shares, labels, calm)
    errors = max(_off(found) - _off(expected), 0.0)
    scores = likelihoods(calm, labels, errors / len(labels))
    # Where the network itself thinks the label likeliest, there is nothing to suspect.
    scores_if = np.where(predictions.correct, -1.0, scores)
    order = np.lexsort((_own(shares, labels), -scores_if))[: round(errors)]
    rows = order[scores_if[order] >= 0]
    rest = calm[rows]
    rest[np.arange(len(rows)), labels[rows]] = -1
    return Suspects(
        pictures=len(labels),
        errors=errors,
        rows=rows,
        indices=predictions.indices[rows],
        given=labels[rows],
        suggested=rest.argmax(1),
        scores=scores[rows],
    )


def confident_joint(shares: Shares, labels: Integers, calibrated: Floats) -> tuple[Floats, Floats]:
    """Pictures by given label and by the class that they surely are, as found; and as they would
    be found if all labels were right.

    Surely of a class is a picture with at least the probability for it that pictures bearing its
    label have in the mean; of several such classes the likeliest. Rows are scaled to all pictures
    that bear the label.
    """
    classes = shares.shape[1]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=_own(shares, labels), minlength=classes)
    # A class that no label names is nobody's.
    least = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    reached = np.where(shares >= least, shares, -1.0)
    sure = reached.max(1) >= 0
    seen = reached[sure].argmax(1)
    found, expected = np.zeros((classes, classes)), np.zeros((classes, classes))
    np.add.at(found, (labels[sure], seen), 1.0)
    np.add.at(expected.T, seen, calibrated[sure])
    scale = counts / np.maximum(found.sum(1), 1.0)
    return found * scale[:, None], expected * scale[:, None]


def likelihoods(calibrated: Floats, labels: Integers, share: float) -> Floats:
    """How likely each label is wrong, where this share is and errors fall on any class alike."""
    right = _own(calibrated, labels)
    wrong = share * (1 - right) / (calibrated.shape[1] - 1)
    total = wrong + (1 - share) * right
    return np.asarray(np.divide(wrong, total, out=np.zeros_like(total), where=total > 0))


def _calibrated(shares: Shares, labels: Integers) -> Floats:
    """Probabilities at the temperature that fits best when some share of the labels is wrong.

    Fitted to the labels as if all were right, a temperature would explain errors as doubt.
    """

    def loss(heat: float) -> float:
        calm = tempered(shares, float(np.exp(heat)))
        right = _own(calm, labels)
        wrong = (1 - right) / (shares.shape[1] - 1)
        share = _share(right, wrong)
        told = np.log(np.maximum((1 - share) * right + share * wrong, _LEAST)).sum()
        return float(heat**2 / (2 * _SPREAD**2) - told)

    # There may be two valleys: doubt without errors, and errors without doubt.
    best = min(_HEATS, key=loss)
    step = _HEATS[1] - _HEATS[0]
    found = minimize_scalar(
        loss, bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-3}
    )
    return tempered(shares, float(np.exp(found.x)))


def _share(right: Floats, wrong: Floats) -> float:
    """The share of wrong labels that fits best: their mean likelihood, until it stands still."""
    share = 0.01
    for _ in range(_ROUNDS):
        total = np.maximum(share * wrong + (1 - share) * right, _LEAST)
        share = min(float((share * wrong / total).mean()), _MOST)
    return share


def _own(shares: Shares, labels: Integers) -> Floats:
    return shares[np.arange(len(labels)), labels].astype(np.float64)


def _off(joint: Floats) -> float:
    return float(joint.sum() - joint.trace())
