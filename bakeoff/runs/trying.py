"""What a recipe's rate and batch could be on this dataset and device: tried, and nothing kept."""

from __future__ import annotations

import time
from collections.abc import Callable

from bakeoff.data.dataset import Dataset
from bakeoff.data.memory import free_memory
from bakeoff.data.progress import Progress, silent
from bakeoff.models.footprint import footprint
from bakeoff.runs.assembly import assembled
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.recipe import Recipe
from bakeoff.training.capacity import Capacity, find_batch
from bakeoff.training.device import Device
from bakeoff.training.feeding import Job
from bakeoff.training.finder import Rate, find_rate
from bakeoff.training.team import Team

__all__ = ["on_pictures", "try_batches", "try_rates"]

_FEWEST_STEPS = 20
"""An epoch of fewer learns little, however fast it is."""

_LARGEST = 65536
_SLOTS = 2
"""Numbers that the hungriest optimiser keeps for each weight."""


def try_rates(
    recipe: Recipe,
    dataset: Dataset,
    *,
    seed: int,
    device: Device,
    progress: Progress = silent,
    stop: Callable[[], bool] = lambda: False,
) -> Rate:
    """The rate of the first stage, by training a copy at rising rates; see `find_rate`."""
    _refuse_fitted(recipe, "--find-rate")
    job, _ = _assembled(recipe, dataset, seed, device, progress)
    return find_rate(job, stop=stop)


def try_batches(
    recipe: Recipe,
    dataset: Dataset,
    *,
    seed: int,
    device: Device,
    progress: Progress = silent,
) -> Capacity:
    """The batch of the first stage that trains on pictures; see `find_batch`."""
    _refuse_fitted(recipe, "--batch auto")
    job, settled = _assembled(recipe, dataset, seed, device, progress)
    number = on_pictures(recipe)
    most, why = _most(job, settled, number)
    return find_batch(job, number, most=most, why=why)


def on_pictures(recipe: Recipe) -> int:
    """The number of the first stage that trains on pictures."""
    assert not isinstance(recipe.network, Estimator)
    frozen = recipe.network.backbone is not None
    for number, stage in enumerate(recipe.stages):
        if not (frozen and stage.train == "head"):
            return number
    raise SpecError(
        "--batch auto",
        "needs a stage that trains on pictures: of features, which a head alone is trained on, any "
        "number fits",
        suggestion="Give a number.",
    )


def _assembled(
    recipe: Recipe, dataset: Dataset, seed: int, device: Device, progress: Progress
) -> tuple[Job, Recipe]:
    device.apply()
    return assembled(
        recipe,
        dataset,
        seed=seed,
        budget=None,
        device=device,
        team=Team(),
        progress=progress,
        began=time.perf_counter(),
        save_every=0.0,
    )


def _most(job: Job, recipe: Recipe, number: int) -> tuple[int, str]:
    """The largest batch worth trying, and why none above it is."""
    count = len(job.material.train)
    most = max(2, min(_LARGEST, count // _FEWEST_STEPS))
    why = f"More would leave fewer than {_FEWEST_STEPS} steps an epoch of {count:,} pictures."
    if job.device.place.type == "cuda":
        # It says itself when its memory ran out.
        return most, why
    # Here nobody does: the process would be ended, or pushed out to disk.
    assert not isinstance(recipe.network, Estimator)
    needs = footprint(
        recipe.network,
        recipe.preprocess,
        classes=job.material.classes,
        train=job.stages[number].train,
    )
    room = needs.largest_batch(free_memory(job.device.place), slots=_SLOTS)
    if room < most:
        return room, f"Memory holds about {room:,} at most."
    return most, why


def _refuse_fitted(recipe: Recipe, option: str) -> None:
    if not recipe.stages:
        rule = f"needs a recipe that is trained in stages, and {recipe.name} is fitted at once"
        raise SpecError(option, rule)
