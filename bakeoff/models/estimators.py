"""Contenders that are fitted: cross-validated, searched over a grid, fitted to everything."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    mean_squared_error,
    precision_recall_fscore_support,
    r2_score,
)
from sklearn.model_selection import StratifiedKFold, train_test_split

from bakeoff.data.progress import Progress, silent
from bakeoff.models.classifier import Classifier
from bakeoff.models.fitted import FittedHead
from bakeoff.models.fitting import Floats, Labels, fitted, one_hot
from bakeoff.spec.errors import DataError
from bakeoff.spec.estimator import Estimator, LinearProbe, Method

__all__ = ["Fold", "Trial", "cross_validate", "fit", "gather"]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """How one fold of a cross-validation went, on the pictures left out of the fit."""

    mse: float
    mae: float
    r2: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    """Of the last three, the mean over classes."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A method with its settings, and how it did in every fold."""

    method: Method
    folds: tuple[Fold, ...]

    def mean(self, figure: str) -> float:
        """The mean of one figure over the folds."""
        return fmean(getattr(fold, figure) for fold in self.folds)


def gather(
    classifier: Classifier,
    pictures: npt.NDArray[np.uint8],
    *,
    batch: int = 256,
    progress: Progress = silent,
) -> Floats:
    """The numbers that a classifier's estimator looks at, pictures × numbers."""
    head = _head(classifier)
    device = classifier.factor.device
    classifier.eval()
    rows = []
    progress("features", 0, len(pictures))
    with torch.inference_mode():
        for start in range(0, len(pictures), batch):
            piece = torch.from_numpy(pictures[start : start + batch]).to(device)
            rows.append(head.flat(classifier.features(piece)).float().cpu().numpy())
            progress("features", min(start + batch, len(pictures)), len(pictures))
    return np.concatenate(rows)


def fit(
    classifier: Classifier, flat: Floats, labels: Labels, *, seed: int, progress: Progress = silent
) -> tuple[Trial, ...]:
    """Fit a classifier's estimator to gathered numbers; the trials that chose its settings, the
    chosen one first."""
    head = _head(classifier)
    _refuse_missing(flat)
    declared = head.declared
    candidates = (declared.method, *declared.grid)
    trials = []
    progress("cross-validation", 0, len(candidates), "settings")
    for done, method in enumerate(candidates, start=1):
        folds = cross_validate(declared, method, flat, labels, classes=head.classes, seed=seed)
        trials.append(Trial(method=method, folds=folds))
        progress("cross-validation", done, len(candidates), "settings")
    trials.sort(key=lambda trial: trial.mean("mse"))
    progress("fitting", 0, 1, "fits")
    best = fitted(declared, trials[0].method, flat, labels, classes=head.classes, seed=seed)
    head.load_state_dict(best.state_dict())
    head.to(classifier.factor.device)
    progress("fitting", 1, 1, "fits")
    return tuple(trials)


def cross_validate(
    declared: Estimator,
    method: Method,
    flat: Floats,
    labels: Labels,
    *,
    classes: int,
    seed: int,
) -> tuple[Fold, ...]:
    """Each fold left out of the fit once; scaling and components are of the rest alone."""
    flat, labels = _sampled(declared, flat, labels, seed)
    _refuse_few(declared, labels)
    with warnings.catch_warnings():
        # Said of the data, in words, by the audit.
        warnings.filterwarnings("ignore", message="The least populated class")
        splitter = StratifiedKFold(declared.folds, shuffle=True, random_state=seed)
        folds = list(splitter.split(flat, labels))
    return tuple(
        _judged(
            fitted(declared, method, flat[kept], labels[kept], classes=classes, seed=seed),
            flat[left],
            labels[left],
        )
        for kept, left in folds
    )


def _judged(head: FittedHead, flat: Floats, labels: Labels) -> Fold:
    with torch.inference_mode():
        scores = head.regressed(torch.from_numpy(flat))
        if isinstance(head.declared.method, LinearProbe):
            scores = scores.softmax(1)
    found = scores.numpy()
    targets = one_hot(labels, head.classes)
    chosen = found.argmax(1)
    macro = precision_recall_fscore_support(labels, chosen, average="macro", zero_division=0)
    return Fold(
        mse=float(mean_squared_error(targets, found)),
        mae=float(mean_absolute_error(targets, found)),
        r2=float(r2_score(targets, found)),
        accuracy=float(accuracy_score(labels, chosen)),
        precision=float(macro[0]),
        recall=float(macro[1]),
        f1=float(macro[2]),
    )


def _head(classifier: Classifier) -> FittedHead:
    assert isinstance(classifier.head, FittedHead), "networks are trained, not fitted"
    return classifier.head


def _sampled(declared: Estimator, flat: Floats, labels: Labels, seed: int) -> tuple[Floats, Labels]:
    if declared.sample is None or declared.sample >= len(labels):
        return flat, labels
    counts = np.bincount(labels)
    alone = bool((counts[counts > 0] < 2).any())
    places, _ = train_test_split(
        np.arange(len(labels)),
        train_size=declared.sample,
        random_state=seed,
        stratify=None if alone else labels,
    )
    return flat[places], labels[places]


def _refuse_missing(flat: Floats) -> None:
    missing = ~np.isfinite(flat)
    if missing.any():
        raise DataError(
            "features",
            "must all be numbers; missing or infinite",
            f"{int(missing.sum())} values in {int(missing.any(1).sum())} pictures",
            "The backbone overflows on them: check its weights, or compute in single precision.",
        )


def _refuse_few(declared: Estimator, labels: Labels) -> None:
    counts: Sequence[int] = [int(count) for count in np.bincount(labels) if count]
    if max(counts) < declared.folds:
        raise DataError(
            "Estimator.folds",
            f"must be at most {max(counts)}, the pictures of the largest class",
            declared.folds,
        )
