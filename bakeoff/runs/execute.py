"""The only wiring: recipe → data → engine → run directory."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress, silent
from bakeoff.models.classifier import Classifier, assemble, initialise
from bakeoff.runs.environment import describe
from bakeoff.runs.fit import fitted
from bakeoff.runs.opening import begin, go_on, refuse_other_data
from bakeoff.runs.prepare import initial_pictures, prepared, scaled, settled
from bakeoff.runs.result import Ended, Outcome, remembered, sealed
from bakeoff.runs.room import with_room
from bakeoff.runs.run import Run
from bakeoff.runs.watch import Listener, Watch
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from bakeoff.training.checkpoint import LoopState
from bakeoff.training.clock import Clock
from bakeoff.training.device import Device, choose
from bakeoff.training.engine import train
from bakeoff.training.feeding import Job, checked
from bakeoff.training.material import Material
from bakeoff.training.team import Team, from_environment, joined

__all__ = ["Outcome", "execute"]

SAVE_EVERY = 30.0
"""Seconds of work that a crash may cost, about."""

_TO_DISK = 3e8
"""Bytes of weights written in a second, on a slow disk."""

_TO_END = 0.8
"""Seconds that writing all else and leaving take."""

_SEEDS = 2**32


@dataclass(frozen=True, kw_only=True, eq=False)
class _Wanted:
    """What was asked for."""

    recipe: Recipe
    dataset: Dataset
    run: Run
    seed: int
    budget: Budget | None
    device: Device
    resume: bool
    listen: Listener
    stop: Callable[[], bool]
    progress: Progress
    began: float
    """When the budget began, on the clock of `time.perf_counter`."""


class _AskedToStop(KeyboardInterrupt):
    """Stopping was asked for in the middle of something that has no checkpoint of its own."""


def execute(
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    *,
    seed: int = 0,
    budget: Budget | None = None,
    device: Device | None = None,
    resume: bool = False,
    listen: Listener = lambda event: None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = silent,
    spent: float = 0.0,
) -> Outcome:
    """Train `recipe` on `dataset` into the directory `out`; or go on with what is there.

    The test part stays sealed: everything is measured on validation. `spent` seconds of the
    budget are gone already, such as for loading.
    """
    began = time.perf_counter() - spent
    if not 0 <= seed < _SEEDS:
        raise SpecError("--seed", f"must be between 0 and {_SEEDS - 1}", seed)
    team = from_environment()
    device = device or choose(local_rank=team.local_rank, local_world=team.local_world)
    run = Run(path=out)
    if not resume:
        run.refuse_taken()
    elif run.is_sealed:
        refuse_other_data(run, dataset.digest)
        return remembered(run)
    wanted = _Wanted(
        recipe=recipe,
        dataset=dataset,
        run=run,
        seed=seed,
        budget=budget,
        device=device,
        resume=resume,
        listen=listen,
        stop=stop,
        progress=_stoppable(progress, stop),
        began=began,
    )
    device.apply()
    with joined(team, device.place) as joint:
        return _executed(wanted, joint)


def _executed(wanted: _Wanted, team: Team) -> Outcome:
    job, settled_recipe = _prepared(wanted, team)
    run = wanted.run
    facts = describe(
        settled_recipe,
        wanted.dataset,
        wanted.device,
        seed=wanted.seed,
        budget=wanted.budget,
        processes=team.world,
    )
    state = None
    if wanted.resume:
        state = go_on(run, facts, leads=team.leads)
    elif team.leads:
        begin(run, settled_recipe, facts)
    team.wait()
    before = 0.0 if state is None else float(state.scalars["used"])
    clock = Clock(
        counted=("prepare", "train"),
        synchronise=wanted.device.synchronise,
        before={"prepare": time.perf_counter() - wanted.began, "train": before},
    )
    with clock.span("train"):
        ended = _ended(job, wanted, state)
    if ended is None:
        return Outcome(run=run, finished=False)
    outcome = sealed(run, ended, wanted.dataset, clock, leads=team.leads)
    if team.leads:
        # Nothing is left to go on from, and they are several times the size of the weights.
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    team.wait()
    return outcome


def _prepared(wanted: _Wanted, team: Team) -> tuple[Job, Recipe]:
    """The job, whole and checked: what does not fit leaves no directory behind."""
    recipe = settled(wanted.recipe, wanted.dataset, progress=wanted.progress)
    recipe = replace(recipe, stages=scaled(recipe.stages, wanted.budget))
    material = prepared(recipe, wanted.dataset, progress=wanted.progress)
    classifier = _classifier(recipe, material, wanted)
    job = Job(
        classifier=classifier,
        stages=recipe.stages,
        augment=recipe.augment,
        material=material,
        device=wanted.device,
        team=team,
        seed=wanted.seed,
        seconds=_seconds(wanted, classifier),
        save_every=SAVE_EVERY,
        progress=wanted.progress,
    )
    return with_room(recipe, checked(job)), recipe


def _classifier(recipe: Recipe, material: Material, wanted: _Wanted) -> Classifier:
    classifier = assemble(
        recipe.network,
        recipe.preprocess,
        classes=material.classes,
        seed=wanted.seed,
        progress=wanted.progress,
    )
    if not isinstance(recipe.network, Estimator):
        initialise(classifier, initial_pictures(material))
    return wanted.device.laid_out(classifier)


def _seconds(wanted: _Wanted, classifier: Classifier) -> float | None:
    """What is left of the budget for training, once writing has its part."""
    if wanted.budget is None or wanted.budget.seconds is None:
        return None
    weights = sum(int(tensor.nbytes) for tensor in classifier.state_dict().values())
    gone = time.perf_counter() - wanted.began
    return max(1.0, wanted.budget.seconds - gone - weights / _TO_DISK - _TO_END)


def _ended(job: Job, wanted: _Wanted, state: LoopState | None) -> Ended | None:
    """What training or fitting leaves behind; None where it was stopped."""
    watch = Watch(wanted.run, wanted.listen, leads=job.team.leads, save_every=job.save_every)
    watch.remember()
    try:
        if not job.stages:
            return fitted(job, wanted.dataset.classes)
        with watch.inexactness():
            for event in train(job, state, stop=wanted.stop):
                watch.told(event)
    except _AskedToStop:
        pass
    if watch.finished is None:
        watch.save()
        return None
    return Ended(
        classifier=job.classifier,
        probabilities=watch.finished.probabilities,
        seed=job.seed,
        losses=watch.finished.losses,
        notes=tuple(watch.notes),
        exact=watch.exact,
        facts={"steps": watch.finished.steps},
    )


def _stoppable(progress: Progress, stop: Callable[[], bool]) -> Progress:
    """The same progress; the work that tells it ends once stopping is asked for."""

    def told(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        if stop():
            raise _AskedToStop
        progress(task, done, total, unit)

    return told
