"""An estimator's run: nothing to train, so features are gathered and fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.evaluation.trouble import Effort
from bakeoff.models import zero_shot
from bakeoff.models.estimators import Trial, fit, gather
from bakeoff.models.fitted import FittedHead
from bakeoff.runs.result import Ended
from bakeoff.spec import codec
from bakeoff.spec.estimator import ZeroShot
from bakeoff.spec.image import Augment
from bakeoff.training import chance
from bakeoff.training.feeding import Job, extracted

__all__ = ["fitted", "told"]

_AT_ONCE = 500

Floats = npt.NDArray[np.float32]


def fitted(job: Job, names: Sequence[str]) -> Ended:
    """Fit the classifier's estimator to the training part, and look at validation. `names` are the
    classes', for an estimator that reads them."""
    chance.seed(job.seed)
    notes: list[str] = []
    trials = _trials(job, names, notes)
    return Ended(
        classifier=job.classifier,
        probabilities=told(job, notes),
        seed=job.seed,
        effort=Effort(fitted=True),
        notes=tuple(dict.fromkeys(notes)),
        facts={"trials": [_written(trial) for trial in trials]},
    )


def told(job: Job, notes: list[str]) -> Floats:
    """What the fitted estimator says of validation; `notes` gets how features were computed."""
    return _probabilities(job, _numbers(job, "val", notes))


def _trials(job: Job, names: Sequence[str], notes: list[str]) -> tuple[Trial, ...]:
    head = job.classifier.head
    assert isinstance(head, FittedHead)
    if isinstance(head.declared.method, ZeroShot):
        place = job.device.place
        zero_shot.fit(head, names, seed=job.seed, device=place, progress=job.progress)
        return ()
    train = _numbers(job, "train", notes)
    labels = job.material.labels[job.material.train]
    return fit(job.classifier, train, labels, seed=job.seed, progress=job.progress)


def _numbers(job: Job, part: str, notes: list[str]) -> Floats:
    if job.classifier.backbone is None:
        indices = {"train": job.material.train, "val": job.material.val}[part]
        return gather(job.classifier, job.material.pictures[indices], progress=job.progress)
    # The same entries of the cache that the heads of networks are trained on.
    features = extracted(job, part, Augment(), job.seed)
    notes.extend(features.reasons)
    return features.views[0].astype(np.float32)


@torch.inference_mode()
def _probabilities(job: Job, flat: Floats) -> Floats:
    head, place = job.classifier.head, job.device.place
    assert isinstance(head, FittedHead)
    found = []
    for start in range(0, len(flat), _AT_ONCE):
        rows = torch.from_numpy(flat[start : start + _AT_ONCE]).to(place)
        found.append(torch.softmax(head.shares(head.regressed(rows)), dim=1))
    shares: Floats = torch.cat(found).cpu().numpy()
    return shares


def _written(trial: Trial) -> dict[str, Any]:
    return {
        "method": codec.encode(trial.method),
        "folds": [asdict(fold) for fold in trial.folds],
        "mean": {
            name: trial.mean(name)
            for name in ("mse", "mae", "r2", "accuracy", "precision", "recall", "f1")
        },
    }
