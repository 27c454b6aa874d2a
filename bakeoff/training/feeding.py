"""What a stage is fed with: pictures, or what the frozen part made of them once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bakeoff.data.batches import Batches
from bakeoff.data.progress import Progress, silent
from bakeoff.data.shards import Shards
from bakeoff.models.classifier import Classifier
from bakeoff.models.freezing import trainable
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment
from bakeoff.spec.training import Stage
from bakeoff.training import ways
from bakeoff.training.device import Device
from bakeoff.training.features import Features, are_kept, extract, weights_digest
from bakeoff.training.loss import class_weights
from bakeoff.training.material import FeatureBatches, Material, Source
from bakeoff.training.proving import Exact, Ways
from bakeoff.training.team import Team

__all__ = ["Food", "Job", "checked", "extracted", "fed", "is_on_features", "shown"]

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

    looks_after: float = 0.0
    """What follows the last stage within that time, in looks at validation."""

    piece: int | None = None
    """Most pictures that memory holds at once while gradients are kept; None: no limit is known."""

    save_every: float = 30.0
    """Seconds between checkpoints within an epoch: work that a crash may cost."""

    progress: Progress = silent
    """Told about extracting features, which takes long and is no event."""

    now: Callable[[], float] = time.perf_counter

    @cached_property
    def engines(self) -> dict[str, Exact]:
        """Ways to compute features by the digest of the weights: those of the last ones, made
        ready and proved once for all parts and views."""
        return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class Food:
    """Batches to learn from and to choose by."""

    train: Source
    val: Source

    on_features: bool
    """Whether they are features, for the head alone."""

    weights: Tensor | None = None
    """Of the classes in the loss, where they are to count the same."""

    reasons: tuple[str, ...] = ()
    """How classes are balanced and features were computed, in sentences."""


def checked(job: Job) -> Job:
    """The same job; an error if one of its stages cannot be, however late it would come."""
    for number, stage in enumerate(job.stages):
        trainable(job.classifier, stage.train)
        augment = stage.augment or job.augment
        _pictures(job, stage, augment, number)
        if is_on_features(job, stage) and (augment.mixup or augment.cutmix):
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
    if is_on_features(job, stage):
        return _features(job, stage, augment, number)
    val, _ = shown(job, number)
    return Food(
        train=_pictures(job, stage, augment, number),
        val=val,
        on_features=False,
        weights=_weights(job, stage),
        reasons=_balance(job, number),
    )


def shown(job: Job, number: int) -> tuple[Source, tuple[str, ...]]:
    """What stage `number` is judged by: validation, as its pictures or as their features, and how
    those were computed."""
    stage, place = job.stages[number], job.device.place
    if not is_on_features(job, stage):
        # What fits while gradients are kept fits without them.
        size = min(_EVALUATION_BATCH, max(_LEAST, stage.batch))
        return job.material.plain("val", batch=size, device=place), ()
    val = extracted(job, "val", Augment(), _seed(job, number))
    labels = job.material.labels[job.material.val]
    batches = FeatureBatches(views=val.views, labels=labels, batch=_EVALUATION_BATCH, device=place)
    return batches, val.reasons


def extracted(job: Job, part: str, augment: Augment, seed: int) -> Features:
    """Features of a part by the classifier's backbone as it is now."""
    found, batches, names = _looked_at(job, part, augment, seed)
    return extract(found, batches, **names, progress=job.progress)


def is_extracted(job: Job, part: str, augment: Augment, seed: int) -> bool:
    """Whether the same features lie in the cache."""
    found, batches, names = _looked_at(job, part, augment, seed)
    return are_kept(found, batches, **names)


def _looked_at(
    job: Job, part: str, augment: Augment, seed: int
) -> tuple[Ways, Batches, dict[str, Any]]:
    job.classifier.eval()
    backbone = job.classifier.backbone
    assert backbone is not None
    batches = job.material.plain(part, batch=_EXTRACTION_BATCH, device=job.device.place)
    weights = weights_digest(backbone)
    names = {
        "network": f"{weights} {job.classifier.preparation}",
        "pictures": job.material.digest,
        "views": 1 if augment == Augment() else VIEWS,
    }
    return _ways(job, part, weights), replace(batches, augment=augment, seed=seed), names


def waits_for_features(job: Job) -> bool:
    """Whether the first thing to do is to run a frozen backbone over all pictures."""
    if job.classifier.backbone is None:
        return False
    if not job.stages:
        return not all(is_extracted(job, part, Augment(), job.seed) for part in ("train", "val"))
    first = job.stages[0]
    if not is_on_features(job, first):
        return False
    seed, augment = _seed(job, 0), first.augment or job.augment
    return not is_extracted(job, "train", augment, seed)


def is_on_features(job: Job, stage: Stage) -> bool:
    """Whether the head alone is trained, on what the frozen backbone made of the pictures once."""
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
        balance=stage.balance == "sampling",
        rank=job.team.rank,
        world=job.team.world,
    )


def _weights(job: Job, stage: Stage) -> Tensor | None:
    assert stage.balance != "auto", "not settled"
    if stage.balance != "weights":
        return None
    counts = np.bincount(job.material.labels[job.material.train], minlength=job.material.classes)
    return class_weights(counts.tolist()).to(job.device.place)


def _balance(job: Job, number: int) -> tuple[str, ...]:
    """How classes come to count the same, said once: where it is not as in the stage before."""
    way = job.stages[number].balance
    if way == "none" or (number and job.stages[number - 1].balance == way):
        return ()
    counts = np.unique(job.material.labels[job.material.train], return_counts=True)[1]
    by = "sampling" if way == "sampling" else "weights in the loss"
    times = f"{counts.max() / counts.min():.1f}".removesuffix(".0")
    many = f"the largest has {times} times the pictures of the smallest"
    return (f"Classes are balanced by {by}: {many}.",)


def _features(job: Job, stage: Stage, augment: Augment, number: int) -> Food:
    seed = _seed(job, number)
    train = extracted(job, "train", augment, seed)
    val, reasons = shown(job, number)
    return Food(
        train=FeatureBatches(
            views=train.views,
            labels=job.material.labels[job.material.train],
            batch=min(stage.batch, len(job.material.train)),
            device=job.device.place,
            seed=seed,
            shuffle=True,
            balance=stage.balance == "sampling",
            rank=job.team.rank,
            world=job.team.world,
        ),
        val=val,
        on_features=True,
        weights=_weights(job, stage),
        reasons=(*_balance(job, number), *dict.fromkeys(train.reasons + reasons)),
    )


def _ways(job: Job, part: str, weights: str) -> Ways:
    # The same for both parts, so that a head is judged by the features it learnt from.
    count = len(job.material.train) + len(job.material.val)
    if weights not in job.engines:
        job.engines.clear()
        made = ways.exact(job.classifier, job.device, partial(_sample, job), pictures=count)
        job.engines[weights] = made
    exact = job.engines[weights]
    if part == "train" and job.device.int8:
        return ways.rough(job.classifier, job.device, exact, pictures=count)
    return exact


def _sample(job: Job, count: int) -> tuple[Tensor, Tensor]:
    """Training pictures, evenly from all of them, which may lie in the order of their classes."""
    train = job.material.train
    count = min(count, len(train))
    chosen = train[np.arange(count) * len(train) // count]
    if isinstance(job.material.pictures, Shards):
        # Their order was drawn, and each of them is fetched whole.
        chosen = train[:count]
    pictures = torch.from_numpy(job.material.pictures[chosen]).to(job.device.place)
    return pictures, torch.from_numpy(job.material.labels[chosen])
