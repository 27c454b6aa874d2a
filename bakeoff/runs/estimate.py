"""What a run will take here, about: worked out before anything is trained, good to a factor of two
or so. It decides the order of runs and who is left out, never a result.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import nn

from bakeoff.data.dataset import Dataset
from bakeoff.models.known import BackboneFacts, known
from bakeoff.models.measuring import measure
from bakeoff.models.summary import backbone_of, summarise
from bakeoff.recipes.adapt import adapted
from bakeoff.spec.estimator import (
    DecisionTree,
    Estimator,
    GradientBoosting,
    LinearProbe,
    LinearRegression,
    Method,
    NearestNeighbours,
    Pixels,
    RandomForest,
    ZeroShot,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget, Stage
from bakeoff.training.device import Device

__all__ = ["Estimate", "Pace", "estimate", "pace"]

_SETTING_UP = 1.0
"""Seconds before a run's first step and after its last."""

_PER_STEP = 0.004
"""Seconds of a step beside its arithmetic."""

_BACKWARD = 3.0
"""A step takes this many times its forward pass."""

_LAST_BLOCKS = 1.4
"""As much where only the last blocks move."""

_VIEWS = 4
"""Views of each picture that a frozen backbone computes where pictures are changed at random."""

_REACHED = 0.4
"""Share of the speed of one large convolution that whole networks reach."""


_TRIES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast this device is."""

    flops: float
    """Operations in a second, in whole networks."""

    cores: int
    is_gpu: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """One run of a contender, in seconds."""

    seconds: float
    """As declared, or for the epochs that are asked for."""

    least: float
    """Below this no budget makes sense."""

    fills: bool
    """Whether it uses up whatever time it is given; others end when they are done."""

    steps: int
    """Steps of the optimiser, where there is one."""


def pace(device: Device) -> Pace:
    """Measured in a moment, on a convolution."""
    on_cpu = device.place.type == "cpu"
    layer = device.laid_out(nn.Conv2d(64, 64, 3, padding=1))
    pictures = torch.zeros(64, 64, 32, 32, device=device.place)
    pictures = pictures.to(memory_format=torch.channels_last)
    # Processor time where that is what counts: who else uses the machine must not change a choice.
    now = time.process_time if on_cpu else time.perf_counter
    took = math.inf
    with torch.inference_mode(), device.autocast():
        for _ in range(_TRIES):
            device.synchronise()
            began = now()
            layer(pictures)
            device.synchronise()
            took = min(took, now() - began)
    took /= device.threads if on_cpu else 1
    operations = 2 * 9 * 64 * 64 * 32 * 32 * 64
    return Pace(
        flops=_REACHED * operations / max(took, 1e-6), cores=device.threads, is_gpu=not on_cpu
    )


def estimate(recipe: Recipe, dataset: Dataset, pace: Pace, budget: Budget | None) -> Estimate:
    """What one run of `recipe` takes; of the budget only epochs matter."""
    train, val = len(dataset.split.train), len(dataset.split.val)
    side = recipe.preprocess.size or short_side(dataset)
    facts = _facts(recipe, len(dataset.classes))
    if isinstance(recipe.network, Estimator):
        seconds = _of_estimator(recipe.network, dataset, pace, facts)
        return Estimate(seconds=seconds, least=seconds, fills=False, steps=0)
    told = summarise(recipe, size=side, classes=len(dataset.classes), backbone=facts)
    assert told.flops is not None
    forward = told.flops / pace.flops
    share = 1.0
    if budget is not None and budget.epochs is not None:
        share = budget.epochs / sum(stage.epochs for stage in recipe.stages)
    total, steps = _SETTING_UP + forward * val, 0
    for stage in recipe.stages:
        epochs = stage.epochs * share
        count = math.ceil(epochs * train / min(stage.batch, train))
        steps += count
        total += _of_stage(stage, recipe, forward, train, val, epochs) + count * _PER_STEP
    fills = any(_moves(stage, recipe) for stage in recipe.stages)
    least = _SETTING_UP + forward * (_BACKWARD * min(recipe.stages[0].batch, train) + val)
    if not _moves(recipe.stages[0], recipe):
        least = _SETTING_UP + forward * (train + val)
    return Estimate(seconds=total, least=2 * least, fills=fills, steps=steps)


def short_side(dataset: Dataset) -> int:
    """Of most training pictures."""
    train = dataset.split.train
    sides = torch.from_numpy(dataset.scan.heights[train]).minimum(
        torch.from_numpy(dataset.scan.widths[train])
    )
    return int(sides.median())


def _moves(stage: Stage, recipe: Recipe) -> bool:
    """Whether pictures go through the network in every epoch."""
    return stage.train != "head" or backbone_of(recipe) is None


def _of_stage(
    stage: Stage, recipe: Recipe, forward: float, train: int, val: int, epochs: float
) -> float:
    if not _moves(stage, recipe):
        views = 1 if (stage.augment or recipe.augment) == type(recipe.augment)() else _VIEWS
        return forward * (views * train + val)
    factor = _BACKWARD if stage.train == "all" else _LAST_BLOCKS
    return epochs * forward * (factor * train * _area(stage, recipe) + val)


def _area(stage: Stage, recipe: Recipe) -> float:
    """Of the pictures in a stage, as a share of full ones."""
    if stage.size is None:
        return 1.0
    full = 1 if isinstance(stage.size, float) else recipe.preprocess.size or 32
    return min(1.0, (stage.size / full) ** 2)


def _facts(recipe: Recipe, classes: int) -> BackboneFacts | None:
    backbone = backbone_of(recipe)
    if backbone is None:
        return None
    # What is open is settled by the weights; for a guess, random ones do.
    return known(backbone) or measure(adapted(recipe, weights="random"), classes=classes)


def _of_estimator(
    estimator: Estimator, dataset: Dataset, pace: Pace, facts: BackboneFacts | None
) -> float:
    pictures, classes = len(dataset.split.train), len(dataset.classes)
    looked = pictures + len(dataset.split.val)
    seen, before = 3 * 32 * 32, 0.0
    if isinstance(estimator.inputs, Pixels):
        seen = 3 * (estimator.inputs.side or short_side(dataset)) ** 2
    elif facts is not None:
        seen, before = math.prod(facts.features), looked * facts.flops / pace.flops
    if isinstance(estimator.method, ZeroShot):
        return _SETTING_UP + before
    sample = min(pictures, estimator.sample or pictures)
    tried = (estimator.method, *estimator.grid) if estimator.grid else ()
    fits = sum(estimator.folds * _fit(one, sample, seen, classes) for one in tried)
    whole = _fit(estimator.method, pictures, seen, classes)
    return _SETTING_UP + before + (fits + whole) / max(1, pace.cores)


def _fit(method: Method, pictures: int, seen: int, classes: int) -> float:
    """Processor seconds, from measurements on 1,400 and 45,000 pictures."""
    match method:
        case LinearRegression():
            return 2e-10 * pictures * seen**2 + 1e-9 * seen**3 / 100
        case DecisionTree():
            return 3e-7 * pictures * seen
        case RandomForest(trees=trees, share=share):
            return 5e-7 * trees * pictures * seen * share + 0.002 * trees
        case GradientBoosting(rounds=rounds, share=share):
            return classes * rounds * (0.01 + 1e-7 * pictures * seen * share)
        case NearestNeighbours():
            return 1e-5 * pictures
        case LinearProbe(steps=steps):
            return 4e-11 * steps * pictures * seen * classes
        case ZeroShot():
            return 0.0
