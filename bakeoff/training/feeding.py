"""What a stage is fed with: pictures, or what the frozen part made of them once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from bakeoff.data.batches import Batches
from bakeoff.data.progress import Progress, silent
from bakeoff.models.classifier import Classifier
from bakeoff.models.freezing import trainable
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment
from bakeoff.spec.training import Stage
from bakeoff.training.device import Device
from bakeoff.training.features import Features, Way, are_kept, extract, weights_digest
from bakeoff.training.material import FeatureBatches, Material, Source
from bakeoff.training.team import Team

__all__ = ["Food", "Job", "checked", "extracted", "fed"]

VIEWS = 4
"""Augmented views of each picture that a head sees in turn."""

_EVALUATION_BATCH = 500
_EXTRACTION_BATCH = 64
_LEAST = 64
"""Pictures that are evaluated at once where steps are smaller."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """All that is fixed before the first step."""

    classifier: Classifier
    stages: tuple[Stage, ...]
    augment: Augment
    material: Material
    device: Device
    team: Team = field(default_factory=Team)
    seed: int = 0

    seconds: float | None = None
    """Time for all stages and their evaluations together; None: as long as the epochs take."""

    piece: int | None = None
    """Most pictures that memory holds at once while gradients are kept; None: no limit is known."""

    save_every: float = 30.0
    """Seconds between checkpoints within an epoch: work that a crash may cost."""

    progress: Progress = silent
    """Told about extracting features, which takes long and is no event."""

    now: Callable[[], float] = time.perf_counter


@dataclass(frozen=True, kw_only=True, eq=False)
class Food:
    """Batches to learn from and to choose by."""

    train: Source
    val: Source

    on_features: bool
    """Whether they are features, for the head alone."""

    reasons: tuple[str, ...] = ()
    """How the features were computed, in sentences."""


def checked(job: Job) -> Job:
    """The same job; an error if one of its stages cannot be, however late it would come."""
    for number, stage in enumerate(job.stages):
        trainable(job.classifier, stage.train)
        augment = stage.augment or job.augment
        _pictures(job, stage, augment, number)
        if _on_features(job, stage) and (augment.mixup or augment.cutmix):
            raise SpecError(
                f"Recipe.stages[{number}].augment",
                "must not mix pictures where only the head is trained",
                suggestion="Its features are computed once per picture: mix in a stage that trains "
                "more, and give this one an augmentation of its own.",
            )
    return job


def fed(job: Job, number: int) -> Food:
    """What stage `number` is fed with."""
    stage = job.stages[number]
    augment = stage.augment or job.augment
    if _on_features(job, stage):
        return _features(job, stage, augment, number)
    # What fits while gradients are kept fits without them.
    size = min(_EVALUATION_BATCH, max(_LEAST, stage.batch))
    val = job.material.plain("val", batch=size, device=job.device.place)
    return Food(train=_pictures(job, stage, augment, number), val=val, on_features=False)


def extracted(job: Job, part: str, augment: Augment, seed: int) -> Features:
    """Features of a part by the classifier's backbone as it is now."""
    return extract(
        *_looked_at(job, part, augment, seed), **_named(job, augment), progress=job.progress
    )


def is_extracted(job: Job, part: str, augment: Augment, seed: int) -> bool:
    """Whether the same features lie in the cache."""
    return are_kept(*_looked_at(job, part, augment, seed), **_named(job, augment))


def _looked_at(job: Job, part: str, augment: Augment, seed: int) -> tuple[Sequence[Way], Batches]:
    job.classifier.eval()
    batches = job.material.plain(part, batch=_EXTRACTION_BATCH, device=job.device.place)
    return _ways(job.classifier, job.device), replace(batches, augment=augment, seed=seed)


def _named(job: Job, augment: Augment) -> dict[str, Any]:
    backbone = job.classifier.backbone
    assert backbone is not None
    return {
        "network": f"{weights_digest(backbone)} {job.classifier.preparation}",
        "pictures": job.material.digest,
        "views": 1 if augment == Augment() else VIEWS,
    }


def waits_for_features(job: Job) -> bool:
    """Whether the first thing to do is to run a frozen backbone over all pictures."""
    if job.classifier.backbone is None:
        return False
    if not job.stages:
        return not all(is_extracted(job, part, Augment(), job.seed) for part in ("train", "val"))
    first = job.stages[0]
    if not _on_features(job, first):
        return False
    seed, augment = _seed(job, 0), first.augment or job.augment
    return not is_extracted(job, "train", augment, seed)


def _on_features(job: Job, stage: Stage) -> bool:
    return stage.train == "head" and job.classifier.backbone is not None


def _seed(job: Job, number: int) -> int:
    # Stages draw their own numbers: the second must not repeat the first's order.
    return job.seed * 1000 + number


def _pictures(job: Job, stage: Stage, augment: Augment, number: int) -> Batches:
    return job.material.training(
        batch=stage.batch,
        augment=augment,
        seed=_seed(job, number),
        device=job.device.place,
        rank=job.team.rank,
        world=job.team.world,
    )


def _features(job: Job, stage: Stage, augment: Augment, number: int) -> Food:
    seed = _seed(job, number)
    train = extracted(job, "train", augment, seed)
    val = extracted(job, "val", Augment(), seed)
    labels, place = job.material.labels, job.device.place
    return Food(
        train=FeatureBatches(
            views=train.views,
            labels=labels[job.material.train],
            batch=min(stage.batch, len(job.material.train)),
            device=place,
            seed=seed,
            shuffle=True,
            rank=job.team.rank,
            world=job.team.world,
        ),
        val=FeatureBatches(
            views=val.views, labels=labels[job.material.val], batch=_EVALUATION_BATCH, device=place
        ),
        on_features=True,
        reasons=tuple(dict.fromkeys(train.reasons + val.reasons)),
    )


def _ways(classifier: Classifier, device: Device) -> Sequence[Way]:
    def quick(images: Tensor) -> Tensor:
        with device.autocast():
            return classifier.features(images)

    exact = Way(name="torch fp32", function=classifier.features)
    if device.dtype == torch.float32:
        return [exact]
    return [Way(name=f"torch {device.dtype}".replace("torch.", "", 1), function=quick), exact]
