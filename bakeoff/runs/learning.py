"""One recipe on pictures in memory: the same engine as any run, and no directory.

The process belongs to somebody else here, so its settings and generators are given back.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.data.draws import order
from bakeoff.evaluation.metrics import measure
from bakeoff.evaluation.trouble import Effort, signs_of_trouble
from bakeoff.models.classifier import Classifier, assemble, initialise, settle
from bakeoff.models.table import tabulate
from bakeoff.recipes.adapt import adapted
from bakeoff.runs.arrays import Pictures, squares
from bakeoff.runs.fit import fitted
from bakeoff.runs.prepare import (
    initial_pictures,
    refuse_sizes,
    scaled,
    settled_stages,
    statistics,
    with_sizes,
)
from bakeoff.spec.errors import ArgumentError, SpecError
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.network import Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from bakeoff.training import chance
from bakeoff.training.device import Device, noting_inexact
from bakeoff.training.engine import train
from bakeoff.training.events import Evaluated, Finished, Noted
from bakeoff.training.feeding import Job, checked
from bakeoff.training.material import Material

__all__ = ["Learnt", "learn", "probabilities"]

Labels = npt.NDArray[np.int64]

_BATCH = 64
"""Pictures that are always predicted at once, blank ones among them if need be."""

_SMALLEST, _LARGEST = 8, 64
"""Sides between which pictures are enlarged for a network that takes no smaller ones."""

_TELLING = 10
"""Validation pictures per class below which what goes wrong with them is no sign of anything."""

_ALONE = threading.Lock()
"""Generators and torch's settings are the whole process's: one training at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """What came out."""

    classifier: Classifier
    recipe: Recipe
    """With everything settled."""

    history: tuple[dict[str, Any], ...]
    """One entry per look at validation; of an estimator, one per setting tried."""

    notes: tuple[str, ...]
    """What happened on the way."""

    warnings: tuple[str, ...]
    """What makes the result doubtful."""

    accuracy: float | None
    """On the pictures kept apart."""


def learn(
    recipe: Recipe,
    pictures: Pictures,
    labels: Labels,
    classes: tuple[str, ...],
    *,
    validation: float | int | None,
    budget: Budget | None,
    seed: int,
    device: Device,
) -> Learnt:
    """Train `recipe`, from nothing, on uint8 pictures N×H×W×3."""
    began = time.perf_counter()
    recipe = _sized(recipe, min(pictures.shape[1:3]), len(classes))
    parts = parted(labels, validation, seed)
    with _borrowed(device):
        recipe, material = _settled(recipe, pictures, labels, len(classes), parts)
        recipe = replace(recipe, stages=scaled(recipe.stages, budget))
        refuse_sizes(recipe, len(classes))
        job = Job(
            classifier=_begun(recipe, material, device, seed),
            stages=recipe.stages,
            augment=recipe.augment,
            material=material,
            device=device,
            seed=seed,
            seconds=_left(budget, began),
        )
        story = _trained(checked(job)) if job.stages else _fitted(job, classes)
    classifier = job.classifier.eval()
    if recipe.preprocess.size != pictures.shape[1]:
        story.notes.append(f"Pictures are brought to {recipe.preprocess.size} pixels a side.")
    accuracy, signs = None, tuple[str, ...]()
    if validation is not None:
        balanced = bool(job.stages) and job.stages[-1].balance != "none"
        effort = Effort(fitted=not job.stages, balanced=balanced)
        accuracy, signs = _judged(classifier, material, classes, story.losses, effort)
    return Learnt(
        classifier=classifier,
        recipe=recipe,
        history=tuple(story.history),
        notes=tuple(story.notes),
        warnings=classifier.notes + signs,
        accuracy=accuracy,
    )


def probabilities(classifier: Classifier, pictures: Pictures) -> npt.NDArray[np.float64]:
    """One row of shares per picture, the same whatever pictures are asked about with it.

    Sums in floating point depend on the shape of the batch, so every batch has the same one.
    """
    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), _BATCH):
            piece = pictures[start : start + _BATCH]
            batch = np.zeros((_BATCH, *piece.shape[1:]), np.uint8)
            batch[: len(piece)] = piece
            scores = classifier(torch.from_numpy(batch).to(classifier.factor.device))
            found.append(scores[: len(piece)].cpu().double().softmax(1).numpy())
    return np.concatenate(found)


def parted(labels: Labels, validation: float | int | None, seed: int) -> tuple[Labels, Labels]:
    """Who learns and who chooses: every class in proportion, and none gives its last picture.

    With nothing kept apart the same pictures do both.
    """
    everyone = np.arange(len(labels))
    if validation is None:
        return everyone, everyone
    count = _count(validation, len(labels))
    # Each class is spread evenly over 0 to 1, in an order that the seed decides.
    shuffled = order(len(labels), seed, 0)
    key = np.empty(len(labels))
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        key[members] = (np.arange(len(members)) + 0.5) / len(members)
        key[members[-1]] = np.inf
    spare = int(np.isfinite(key).sum())
    if count > spare:
        raise ArgumentError(
            "validation",
            f"must leave each class a picture to learn from: at most {spare} of these "
            f"{len(labels)} can be kept apart",
            count,
            "Give more pictures, or validation=None to keep none apart.",
        )
    chosen = np.sort(np.argsort(key, kind="stable")[:count])
    return np.setdiff1d(everyone, chosen), chosen


def _count(validation: float | int, pictures: int) -> int:
    whole = float(validation).is_integer() and validation >= 1
    if isinstance(validation, bool) or not (whole or 0 < validation < 1):
        rule = "must be a share between 0 and 1, a number of pictures, or None"
        raise ArgumentError("validation", rule, validation)
    return int(validation) if whole else max(1, round(validation * pictures))


def _sized(recipe: Recipe, side: int, classes: int) -> Recipe:
    """With the pictures' own side where the network takes it, else the next that it does."""
    if recipe.preprocess.size is not None:
        return recipe
    network = recipe.network
    if isinstance(network, Estimator) or network.rows is None:
        return recipe
    side = max(side, _SMALLEST)
    for size in range(side, _LARGEST + 1):
        try:
            tabulate(network.rows, size=size, classes=classes)
            return adapted(recipe, size=size)
        except SpecError:
            continue
    # Refused later, with the row that does not fit.
    return adapted(recipe, size=side)


def _settled(
    recipe: Recipe, pictures: Pictures, labels: Labels, classes: int, parts: tuple[Labels, Labels]
) -> tuple[Recipe, Material]:
    side = max(_SMALLEST, min(pictures.shape[1:3]))
    network, preprocess = settle(recipe.network, recipe.preprocess, side=side)
    squared = squares(pictures, preprocess)
    if preprocess.mean is None:
        mean, std = statistics(squared, parts[0])
        preprocess = replace(preprocess, mean=mean, std=std)
    told = hashlib.sha256(f"{squared.shape} ".encode())
    told.update(np.ascontiguousarray(squared).data)
    material = Material(
        pictures=squared,
        labels=labels,
        train=parts[0],
        val=parts[1],
        classes=classes,
        digest=told.hexdigest(),
    )
    stages = settled_stages(recipe.stages, labels[parts[0]])
    recipe = replace(recipe, network=network, preprocess=preprocess, stages=stages)
    return with_sizes(recipe, classes), material


def _begun(recipe: Recipe, material: Material, device: Device, seed: int) -> Classifier:
    classifier = assemble(recipe.network, recipe.preprocess, classes=material.classes, seed=seed)
    if isinstance(recipe.network, Network):
        initialise(classifier, initial_pictures(material))
    return device.laid_out(classifier)


def _left(budget: Budget | None, began: float) -> float | None:
    if budget is None or budget.seconds is None:
        return None
    return max(1.0, budget.seconds - (time.perf_counter() - began))


def _judged(
    classifier: Classifier,
    material: Material,
    classes: tuple[str, ...],
    losses: Sequence[float],
    effort: Effort,
) -> tuple[float, tuple[str, ...]]:
    """How it does on what was kept apart, asked exactly as it will be from now on."""
    shares = probabilities(classifier, material.pictures[material.val]).astype(np.float32)
    metrics = measure(shares, material.labels[material.val], classes)
    telling = metrics.pictures >= _TELLING * len(classes)
    return metrics.accuracy, signs_of_trouble(metrics, losses, effort) if telling else ()


@dataclass(kw_only=True)
class _Story:
    """What happened while it learned."""

    history: list[dict[str, Any]]
    notes: list[str]
    losses: tuple[float, ...] = ()


def _trained(job: Job) -> _Story:
    story = _Story(history=[], notes=[])
    inexact: set[str] = set()
    with noting_inexact(inexact):
        for event in train(job):
            if isinstance(event, Noted):
                story.notes.append(event.text)
            elif isinstance(event, Evaluated):
                looked = asdict(event)
                del looked["probabilities"]
                story.history.append(looked)
            elif isinstance(event, Finished):
                story.losses = event.losses
    if inexact:
        story.notes.append(f"Not exact: {', '.join(sorted(inexact))}.")
    return story


def _fitted(job: Job, classes: tuple[str, ...]) -> _Story:
    ended = fitted(job, classes)
    history = [{"method": trial["method"], **trial["mean"]} for trial in ended.facts["trials"]]
    return _Story(history=history, notes=list(ended.notes))


@contextmanager
def _borrowed(device: Device) -> Iterator[None]:
    """A block on `device`, with no more threads than the process has set for itself."""
    cudnn = torch.backends.cudnn
    with _ALONE:
        generators = chance.capture()
        threads = torch.get_num_threads()
        exact = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
        precision = torch.get_float32_matmul_precision()
        before = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32
        try:
            # What the allocator is told cannot be taken back.
            replace(device, threads=min(device.threads, threads), keeps_memory=False).apply()
            yield
        finally:
            cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before
            torch.set_float32_matmul_precision(precision)
            torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
            torch.use_deterministic_algorithms(exact, warn_only=warn_only)
            torch.set_num_threads(threads)
            chance.restore(*generators)
