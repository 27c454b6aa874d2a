"""What a linear classifier makes of the same pictures: what a network should at least reach.

Ridge regression on pictures of 8×8 pixels, its penalty chosen by leaving one out, measured on
validation. On 10,000 pictures of CIFAR-10, 16×16 pixels did no better (both 0.39 on 5,000) for five
times the work; 8×8 take 0.2 s of one core.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from bakeoff.data.draws import order
from bakeoff.data.shards import Shards
from bakeoff.training.feeding import Job
from bakeoff.training.material import Material

__all__ = ["Probe", "with_probe"]

_SIDE = 8
_TRAIN, _VAL = 10_000, 5_000
"""Most pictures that are looked at."""

_BYTES = 200_000_000
"""Most bytes of pictures that are read for each of the two."""

_TARGETS = 5_000_000
"""Most pictures times classes: with many classes, fewer pictures are fitted."""

_CHUNK = 8_000_000
"""Bytes of pictures that are made smaller at once."""

_PENALTIES = tuple(math.pow(10, half / 2) for half in range(-6, 3))
"""In units of the pixels' mean variance."""

_READ, _MULTIPLIED = 2e8, 5e9
"""Bytes and multiplications of a second, on a slow machine."""

_SHARE = 0.05
"""Of a budget, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """How well a line can tell the pictures apart."""

    accuracy: float | None = None
    """On validation; None where it was not computed."""

    pictures: int = 0
    """How many of validation that is."""

    seconds: float = 0.0
    reason: str | None = None
    """Why it was not computed."""


def with_probe(job: Job) -> tuple[Job, Probe]:
    """The probe of a job, and the job with what is left of its time. A team's leader computes it
    for all."""
    reason = _reason(job)
    if reason is not None:
        return job, Probe(reason=reason)
    began = time.perf_counter()
    with _one_thread():
        accuracy, pictures = _accuracy(job.material)
    took = time.perf_counter() - began
    if job.seconds is not None:
        job = replace(job, seconds=max(1.0, job.seconds - took))
    return job, Probe(accuracy=accuracy, pictures=pictures, seconds=round(took, 3))


def _reason(job: Job) -> str | None:
    if not job.team.leads:
        return "the process that leads computes it"
    if not job.stages:
        return "the recipe is no network: it is fitted, not trained"
    if isinstance(job.material.pictures, Shards):
        return "pictures come in shards, which are read in turn and not here and there"
    need = _seconds(job.material)
    if job.seconds is not None and need > _SHARE * job.seconds:
        return f"it may take {need:.1f} s, more than {_SHARE:.0%} of the budget"
    return None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices as small as these only lose by being shared out: on a busy machine, tenfold."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _seconds(material: Material) -> float:
    """What it takes at most, about."""
    train, val = _counts(material)
    read = (train + val) * _size(material)
    side: int = min(_SIDE, material.pictures.shape[1])
    width = 3 * side * side
    each = 2 * width * (width + len(_PENALTIES) * material.classes)
    return read / _READ + (train * each + 10 * width * width * width) / _MULTIPLIED


def _accuracy(material: Material) -> tuple[float, int]:
    """On validation, and on how many pictures of it."""
    parts = (material.train, material.val)
    train, val = (_some(part, n) for part, n in zip(parts, _counts(material), strict=True))
    pixels = _pixels(material.pictures, train)
    targets = torch.eye(material.classes, dtype=torch.float64)[material.labels[train]]
    mean, base = pixels.mean(0), targets.mean(0)
    weights = _ridge(pixels - mean, targets - base)
    scores = (_pixels(material.pictures, val) - mean) @ weights + base
    hits = scores.argmax(1).numpy() == material.labels[val]
    return float(hits.mean()), len(val)


def _counts(material: Material) -> tuple[int, int]:
    most = max(1, _BYTES // _size(material))
    train = min(len(material.train), _TRAIN, most, max(1, _TARGETS // material.classes))
    return train, min(len(material.val), _VAL, most)


def _size(material: Material) -> int:
    """Bytes of a picture."""
    return math.prod(material.pictures.shape[1:])


def _some(part: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """The same ones whatever the seed, in the order in which they lie on disk."""
    return np.sort(part[order(len(part), 0, 0)[:count]])


def _pixels(pictures: npt.NDArray[np.uint8] | Shards, indices: npt.NDArray[np.int64]) -> Tensor:
    """One row for each picture, made smaller by area."""
    side = min(_SIDE, pictures.shape[1])
    step = max(1, _CHUNK // math.prod(pictures.shape[1:]))
    found = []
    for start in range(0, len(indices), step):
        chunk = torch.from_numpy(pictures[indices[start : start + step]])
        small = functional.adaptive_avg_pool2d(chunk.permute(0, 3, 1, 2).float(), side)
        found.append(small.flatten(1).double() / 255)
    return torch.cat(found)


def _ridge(pixels: Tensor, targets: Tensor) -> Tensor:
    """Weights of the penalty whose predictions of pictures left out are the closest."""
    values, vectors = torch.linalg.eigh(pixels.T @ pixels)
    turned = pixels @ vectors
    along = turned.T @ targets
    # Pictures without any difference have no variance to measure penalties by.
    unit = values.mean().clamp(min=1e-9)
    best, least = torch.zeros_like(along), float("inf")
    for penalty in _PENALTIES:
        shrunk = 1 / (values.clamp(min=0) + penalty * unit)
        weights = shrunk[:, None] * along
        # How far a picture pulls its own prediction, the mean's pull included.
        pull = turned.square() @ shrunk + 1 / len(pixels)
        missed = (targets - turned @ weights) / (1 - pull).clamp(min=1e-6)[:, None]
        error = float(missed.square().mean())
        if error < least:
            best, least = vectors @ weights, error
    return best
