"""Test-time augmentation of a run: what its classifier says of several views of each picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.data.batches import Batches
from bakeoff.data.dataset import Dataset
from bakeoff.evaluation.metrics import measure
from bakeoff.models.views import View, averaged
from bakeoff.runs.room import seconds_per_picture
from bakeoff.runs.run import Run
from bakeoff.spec.errors import SpecError
from bakeoff.training.feeding import Job, is_on_features, shown

__all__ = ["Viewed", "leaving_time", "looked", "recorded", "refuse_late", "viewed"]

_BATCH = 64
"""Pictures at once where training looked at features and never at pictures."""


Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Viewed:
    """What was said of the validation part."""

    probabilities: Floats
    views: tuple[View, ...]


def viewed(job: Job, views: tuple[View, ...], plain: Floats) -> Viewed:
    """What the job's classifier says of its validation part in these views; `plain`, what it said
    of the pictures as they are, where there is no other view."""
    shares = looked(job, views) if len(views) > 1 else plain
    return Viewed(probabilities=shares, views=views)


def looked(job: Job, views: Sequence[View]) -> Floats:
    """Look at the job's validation part in these views, by the classifier as it is now."""
    job.classifier.eval()
    batches, found, done = _pictures(job), [], 0
    job.progress("looking in several views", done, len(batches))
    with torch.inference_mode():
        for batch in batches.epoch(0):
            with job.device.autocast():
                scores = averaged(job.classifier, batch.images, views)
            found.append(torch.softmax(scores, dim=1))
            done += len(batch.images)
            job.progress("looking in several views", done, len(batches))
    shares: Floats = torch.cat(found).cpu().numpy()
    return shares


def leaving_time(job: Job, views: Sequence[View]) -> Job:
    """The same job, with time for the views left at the end of its budget.

    Where the last stage looks at pictures a view costs as much as such a look, and the engine
    leaves time for as many more. Elsewhere it is measured, now, on a few pictures.
    """
    if job.seconds is None or len(views) < 2:
        return job
    if _looks_at_pictures(job):
        return replace(job, looks_after=float(len(views)))
    need = seconds_per_picture(job, _BATCH) * len(views) * len(job.material.val)
    if need > job.seconds:
        raise SpecError(
            "--budget",
            f"is too short to look at validation in {len(views)} views: that takes about "
            f"{need:.0f} s here, and {job.seconds:.0f} s are left of it",
            suggestion="Allow more time, or leave --tta out.",
        )
    return replace(job, seconds=job.seconds - need)


def recorded(run: Run, seen: Viewed, dataset: Dataset) -> dict[str, Any]:
    """Write the predictions down, apart from the plain ones; what the result says of them."""
    indices = dataset.split.val
    labels = dataset.labels[indices]
    metrics = measure(seen.probabilities, labels, dataset.classes)
    run.predict(
        "val-tta", {"indices": indices, "labels": labels, "probabilities": seen.probabilities}
    )
    return {
        "accuracy": metrics.accuracy,
        "loss": metrics.loss,
        "views": len(seen.views),
        "mirrored": any(view.mirrored for view in seen.views),
        "moved": max(view.moved for view in seen.views),
    }


def refuse_late(run: Run) -> None:
    """An error where a run is over that never looked in several views: its result is final."""
    if "tta" not in run.result():
        raise SpecError(
            "--tta",
            f"must be asked for before a run ends, and the one in {run.path} is over",
            suggestion="Leave --tta out, or begin another run with it.",
        )


def _looks_at_pictures(job: Job) -> bool:
    return bool(job.stages) and not is_on_features(job, job.stages[-1])


def _pictures(job: Job) -> Batches:
    if not _looks_at_pictures(job):
        return job.material.plain("val", batch=_BATCH, device=job.device.place)
    batches, _ = shown(job, len(job.stages) - 1)
    assert isinstance(batches, Batches)
    return batches
