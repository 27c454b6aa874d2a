"""How large a batch the device holds, found by trying: whole steps on a copy of the classifier."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from bakeoff.training import chance
from bakeoff.training.feeding import Job, fed
from bakeoff.training.leg import Leg, is_out_of_memory

__all__ = ["Batch", "Capacity", "find_batch"]

_GAIN = 1.05
"""Times as fast as half of it that a larger batch has to be."""

_STEPS = 3
"""Timed steps of each size, after one that sets things up."""

_FEWEST = 2
"""Batch norms want two pictures at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """One size that was tried."""

    size: int

    speed: float | None
    """Pictures a second; None: it did not fit."""

    memory: int | None
    """Most bytes of a GPU that were in use; None where nothing counts them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """What was found for one stage."""

    tried: tuple[Batch, ...]
    """In the order that they were tried in."""

    declared: int

    found: int | None
    """The size to take; None: not even two pictures fit."""

    reason: str
    """Why no other, in a sentence."""


def find_batch(job: Job, number: int, *, most: int, why: str) -> Capacity:
    """Double the batch of stage `number` for as long as it fits, is faster for it and stays at or
    below `most`, of which `why` says what it is; or halve it until it fits.

    Every size is tried with real steps: forward, backward, the optimiser's.
    """
    captured = chance.capture()
    try:
        return _searched(job, number, most, why)
    finally:
        chance.restore(*captured)


def _searched(job: Job, number: int, most: int, why: str) -> Capacity:
    declared = job.stages[number].batch
    tried: list[Batch] = []

    def told(found: int | None, reason: str) -> Capacity:
        return Capacity(tried=tuple(tried), declared=declared, found=found, reason=reason)

    best: Batch | None = None
    for size in _downwards(min(declared, most)):
        tried.append(_try(job, number, size))
        if tried[-1].speed is not None:
            best = tried[-1]
            break
    if best is None:
        return told(None, "Not even two pictures fit into memory.")
    if best.size < declared:
        return told(best.size, why if best.size == most else f"{2 * best.size} do not fit.")
    while best.size * 2 <= most:
        assert best.speed is not None
        tried.append(_try(job, number, best.size * 2))
        if tried[-1].speed is None:
            return told(best.size, f"{tried[-1].size} do not fit.")
        if tried[-1].speed < _GAIN * best.speed:
            return told(best.size, f"{tried[-1].size} would not be faster.")
        best = tried[-1]
    return told(best.size, why)


def _downwards(size: int) -> Iterator[int]:
    while size >= _FEWEST:
        yield size
        size //= 2


def _try(job: Job, number: int, size: int) -> Batch:
    gpu = job.device.place if job.device.place.type == "cuda" else None
    if gpu is not None:
        torch.cuda.reset_peak_memory_stats(gpu)
    speed = _speed(job, number, size)
    # What a step that failed left behind hangs on its traceback, which is gone only now.
    gc.collect()
    memory = None
    if gpu is not None:
        memory = torch.cuda.max_memory_allocated(gpu)
        torch.cuda.empty_cache()
    return Batch(size=size, speed=speed, memory=memory)


def _speed(job: Job, number: int, size: int) -> float | None:
    """Pictures a second in steps of this size; None where they do not fit."""
    try:
        step, close = _stepping(job, number, size)
        try:
            step()
            # The quickest: the others may have shared the machine.
            return size / min(_seconds(job, step) for _ in range(_STEPS))
        finally:
            close()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None


def _seconds(job: Job, step: Callable[[], object]) -> float:
    job.device.synchronise()
    began = job.now()
    step()
    job.device.synchronise()
    return max(job.now() - began, 1e-9)


def _stepping(job: Job, number: int, size: int) -> tuple[Callable[[], object], Callable[[], None]]:
    stages = list(job.stages)
    stages[number] = replace(stages[number], batch=size)
    tried = replace(job, classifier=copy.deepcopy(job.classifier), stages=tuple(stages))
    food = fed(tried, number)
    leg = Leg(
        tried.classifier,
        stages[number],
        food.train,
        device=job.device,
        team=job.team,
        on_features=food.on_features,
        weights=food.weights,
    )
    return lambda: leg.step(1e-6), leg.close
