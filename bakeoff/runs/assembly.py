"""From a recipe and a dataset to a job that is whole and checked, before anything is written."""

from __future__ import annotations

import time
from dataclasses import replace

from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress
from bakeoff.models.classifier import Classifier, assemble, initialise
from bakeoff.runs.prepare import initial_pictures, prepared, refuse_sizes, scaled, settled
from bakeoff.runs.room import with_room
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from bakeoff.training.device import Device
from bakeoff.training.feeding import Job, checked
from bakeoff.training.team import Team

__all__ = ["assembled"]

_TO_DISK = 3e8
"""Bytes of weights written in a second, on a slow disk."""

_TO_END = 0.8
"""Seconds that writing all else and leaving take."""


def assembled(
    recipe: Recipe,
    dataset: Dataset,
    *,
    seed: int,
    budget: Budget | None,
    device: Device,
    team: Team,
    progress: Progress,
    began: float,
    save_every: float,
) -> tuple[Job, Recipe]:
    """The job and the recipe with nothing left open; an error where something does not fit.

    `began` is when the budget did, on the clock of `time.perf_counter`.
    """
    recipe = settled(recipe, dataset, progress=progress)
    recipe = replace(recipe, stages=scaled(recipe.stages, budget))
    refuse_sizes(recipe, len(dataset.classes))
    material = prepared(recipe, dataset, progress=progress)
    classifier = assemble(
        recipe.network, recipe.preprocess, classes=material.classes, seed=seed, progress=progress
    )
    if not isinstance(recipe.network, Estimator):
        initialise(classifier, initial_pictures(material))
    classifier = device.laid_out(classifier)
    job = Job(
        classifier=classifier,
        stages=recipe.stages,
        augment=recipe.augment,
        material=material,
        device=device,
        team=team,
        seed=seed,
        seconds=_seconds(budget, began, classifier),
        save_every=save_every,
        progress=progress,
    )
    return with_room(recipe, checked(job)), recipe


def _seconds(budget: Budget | None, began: float, classifier: Classifier) -> float | None:
    """What is left of the budget for training, once writing has its part."""
    if budget is None or budget.seconds is None:
        return None
    weights = sum(int(tensor.nbytes) for tensor in classifier.state_dict().values())
    gone = time.perf_counter() - began
    return max(1.0, budget.seconds - gone - weights / _TO_DISK - _TO_END)
