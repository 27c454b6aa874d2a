"""Whether there is memory and time for a network on a backbone: asked before anything is written.

Networks from tables are small, and say in `recipes show` what they take.
"""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from bakeoff.data.memory import free_memory
from bakeoff.models.footprint import footprint, refuse_too_large
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.network import Network
from bakeoff.spec.recipe import Recipe
from bakeoff.training.feeding import Job, waits_for_features

__all__ = ["seconds_per_picture", "with_room"]

_FEWEST = 2
"""Batch norms want two pictures at least."""

_SAMPLE = 8
_SLOTS = 2
"""Numbers that the hungriest optimiser keeps for each weight."""

_BACKWARD = 3.0
"""A step takes about this many times its forward pass."""


def with_room(recipe: Recipe, job: Job) -> Job:
    """The same job, in pieces that memory holds; an error where memory or time cannot do."""
    if job.classifier.backbone is None:
        return job
    if job.seconds is not None:
        _refuse_too_slow(job, job.seconds)
    return _in_pieces(recipe, job)


def _in_pieces(recipe: Recipe, job: Job) -> Job:
    if isinstance(recipe.network, Estimator):
        return job
    free = free_memory(job.device.place)
    pieces = []
    for train, size in {(s.train, s.size) for s in recipe.stages if s.train != "head"}:
        assert not isinstance(size, float), "not settled"
        network = recipe.network if size is None else _smaller(recipe.network, size)
        needs = footprint(network, recipe.preprocess, classes=job.material.classes, train=train)
        refuse_too_large(needs, batch=_FEWEST, free=free, slots=_SLOTS)
        pieces.append(needs.largest_batch(free, slots=_SLOTS))
    return replace(job, piece=min(pieces)) if pieces else job


def _smaller(network: Network, size: int) -> Network:
    assert network.backbone is not None
    return replace(network, backbone=replace(network.backbone, size=size))


def _refuse_too_slow(job: Job, seconds: float) -> None:
    """A budget that ends before the first result would be a budget for nothing."""
    each = seconds_per_picture(job)
    train, val = len(job.material.train), len(job.material.val)
    if waits_for_features(job):
        what, need = "to run the frozen backbone once over all pictures", each * (train + val)
    elif job.stages and job.stages[0].train != "head":
        what = "for one step and one look at validation"
        first = job.stages[0]
        area = 1.0 if first.size is None else (first.size / job.classifier.size) ** 2
        need = each * (_BACKWARD * min(first.batch, train) * area + val)
    else:
        return
    if need > seconds:
        raise SpecError(
            "--budget",
            f"is too short {what}: that takes about {need:.0f} s here, and {seconds:.0f} s are "
            "left of it",
            suggestion="Allow more time, take fewer pictures (--subset), or a smaller backbone.",
        )


@torch.inference_mode()
def seconds_per_picture(job: Job, sample: int = _SAMPLE) -> float:
    """Forward, measured on a few pictures; the first pass also sets up kernels."""
    job.classifier.eval()
    some = torch.from_numpy(job.material.pictures[job.material.train[:sample]])
    some = some.to(job.device.place)
    took = 0.0
    for _ in range(2):
        job.device.synchronise()
        began = time.perf_counter()
        with job.device.autocast():
            job.classifier.features(some)
        job.device.synchronise()
        took = time.perf_counter() - began
    return took / len(some)
