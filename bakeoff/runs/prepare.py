"""From a recipe and a dataset to what the engine wants: nothing left open, everything packed."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.data.dataset import Dataset
from bakeoff.data.pack import pack
from bakeoff.data.progress import Progress
from bakeoff.data.sharding import sharded
from bakeoff.data.shards import Shards
from bakeoff.models.classifier import settle
from bakeoff.models.shrinking import refuse_unshrinkable
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Channels, Preprocess
from bakeoff.spec.network import Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget, Stage
from bakeoff.training.material import Material, of_shards

__all__ = [
    "initial_pictures",
    "prepared",
    "refuse_sizes",
    "scaled",
    "settled",
    "settled_stages",
    "statistics",
    "with_sizes",
]

_FOR_STATISTICS = 5000 * 32 * 32
"""Pixels that layers which start from the data see."""

_CHUNK = 1000

_STRONG = 10
"""Times the pictures of the smallest class that the largest may have for weights to do."""


def settled(recipe: Recipe, dataset: Dataset, *, progress: Progress) -> Recipe:
    """`recipe` with size, mean and deviation filled in from the pictures and the backbone."""
    sides = np.minimum(dataset.scan.heights, dataset.scan.widths)[dataset.split.train]
    network, preprocess = settle(
        recipe.network, recipe.preprocess, side=int(np.median(sides)), progress=progress
    )
    if preprocess.mean is None:
        preprocess = _with_statistics(preprocess, dataset, progress)
    stages = settled_stages(recipe.stages, dataset.labels[dataset.split.train])
    recipe = replace(recipe, network=network, preprocess=preprocess, stages=stages)
    return with_sizes(recipe, len(dataset.classes))


def settled_stages(stages: tuple[Stage, ...], labels: npt.NDArray[np.int64]) -> tuple[Stage, ...]:
    """Stages that say how they balance classes, decided by the training part's labels.

    Weights show every picture once an epoch. Where a picture of the smallest class would weigh more
    than ten of the largest, it would rule its batch, and most batches would have none: there
    sampling is the steadier way.
    """
    counts = np.unique(labels, return_counts=True)[1]
    way: Literal["weights", "sampling"] = "weights"
    if counts.max() > _STRONG * counts.min():
        way = "sampling"
    return tuple(
        replace(stage, balance=way) if stage.balance == "auto" else stage for stage in stages
    )


def with_sizes(recipe: Recipe, classes: int) -> Recipe:
    """A settled recipe whose stages say in pixels what they said as a share of the full side; full
    size where the network cannot take so few."""
    return replace(recipe, stages=tuple(_in_pixels(one, recipe, classes) for one in recipe.stages))


def _in_pixels(stage: Stage, recipe: Recipe, classes: int) -> Stage:
    if not isinstance(stage.size, float):
        return stage
    network, side = recipe.network, recipe.preprocess.size
    assert isinstance(network, Network), "an estimator has no stages"
    assert side is not None, "not settled"
    full = side if network.backbone is None else network.backbone.size or side
    size = round(stage.size * full)
    try:
        refuse_unshrinkable(network, full=full, size=size, classes=classes, field="Stage.size")
    except SpecError:
        return replace(stage, size=None)
    return replace(stage, size=size)


def prepared(recipe: Recipe, dataset: Dataset, *, progress: Progress) -> Material:
    """The packed pictures with the two parts that training may see."""
    if dataset.shards is not None:
        shards = sharded(dataset, recipe.preprocess, dataset.shards, progress=progress)
        return of_shards(shards)
    packed = pack(dataset, recipe.preprocess, progress=progress)
    return Material(
        pictures=packed.pictures,
        labels=dataset.labels,
        train=dataset.split.train,
        val=dataset.split.val,
        classes=len(dataset.classes),
        digest=packed.digest,
    )


def initial_pictures(material: Material) -> torch.Tensor:
    """Some training pictures, for layers that start from the data."""
    height, width = material.pictures.shape[1:3]
    count = max(1, _FOR_STATISTICS // (height * width))
    return torch.from_numpy(material.pictures[material.train[:count]])


def scaled(stages: tuple[Stage, ...], budget: Budget | None) -> tuple[Stage, ...]:
    """Stages whose epochs add up to the budget's, in proportion."""
    if budget is None or budget.epochs is None or not stages:
        return stages
    share = budget.epochs / sum(stage.epochs for stage in stages)
    return tuple(replace(stage, epochs=stage.epochs * share) for stage in stages)


def refuse_sizes(recipe: Recipe, classes: int) -> None:
    """An error where a stage wants pictures of a size that the settled network cannot take."""
    full = recipe.preprocess.size
    assert full is not None, "not settled"
    for place, stage in enumerate(recipe.stages):
        if stage.size is not None:
            assert isinstance(recipe.network, Network), "an estimator has no stages"
            assert isinstance(stage.size, int), "not settled"
            refuse_unshrinkable(
                recipe.network,
                full=full,
                size=stage.size,
                classes=classes,
                field=f"Recipe.stages[{place}].size",
            )


def _with_statistics(preprocess: Preprocess, dataset: Dataset, progress: Progress) -> Preprocess:
    if dataset.shards is None:
        packed = pack(dataset, preprocess, progress=progress)
        mean, std = statistics(packed.pictures, dataset.split.train)
    else:
        shards = sharded(dataset, preprocess, dataset.shards, progress=progress)
        mean, std = statistics(shards, shards.part("train"))
    return replace(preprocess, mean=mean, std=std)


def statistics(
    pictures: npt.NDArray[np.uint8] | Shards, train: npt.NDArray[np.int64]
) -> tuple[Channels, Channels]:
    """Mean and deviation of each channel over the training part, on the scale 0 to 1.

    Summed in whole numbers: the same on any machine.
    """
    total, squares = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for start in range(0, len(train), _CHUNK):
        values = pictures[train[start : start + _CHUNK]].reshape(-1, 3)
        for channel in range(3):
            counts = np.bincount(values[:, channel], minlength=256)
            total[channel] += int(counts @ np.arange(256))
            squares[channel] += int(counts @ np.arange(256) ** 2)
    count = len(train) * pictures.shape[1] * pictures.shape[2]
    mean = total / count
    # Pictures of one flat colour have no deviation to divide by.
    std = np.maximum(np.sqrt(np.maximum(squares / count - mean**2, 0)), 1)
    return _triple(mean), _triple(std)


def _triple(values: npt.NDArray[np.float64]) -> Channels:
    red, green, blue = (round(float(value) / 255, 6) for value in values)
    return (red, green, blue)
