"""The only wiring: recipe → data → engine → run directory."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress, silent
from bakeoff.evaluation.trouble import Effort
from bakeoff.models.views import View, views_for
from bakeoff.runs.assembly import assembled
from bakeoff.runs.environment import describe
from bakeoff.runs.fit import fitted
from bakeoff.runs.opening import opened, refuse_other_data, refuse_other_terms
from bakeoff.runs.probe import with_probe
from bakeoff.runs.result import Ended, Outcome, remembered, sealed
from bakeoff.runs.run import Run
from bakeoff.runs.viewing import leaving_time, refuse_late, viewed
from bakeoff.runs.watch import Listener, Watch
from bakeoff.spec.errors import SpecError
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from bakeoff.training.checkpoint import LoopState
from bakeoff.training.clock import Clock
from bakeoff.training.device import Device, choose
from bakeoff.training.engine import train
from bakeoff.training.feeding import Job
from bakeoff.training.team import Team, from_environment, joined

__all__ = ["Outcome", "execute"]

SAVE_EVERY = 30.0
"""Seconds of work that a crash may cost, about."""

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
    tta: bool
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
    tta: bool = False,
    resume: bool = False,
    listen: Listener = lambda event: None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = silent,
    spent: float = 0.0,
) -> Outcome:
    """Train `recipe` on `dataset` into the directory `out`; or go on with what is there.

    The test part stays sealed: everything is measured on validation, and with `tta` measured once
    more in several views of each picture. `spent` seconds of the budget are gone already, such as
    for loading.
    """
    began = time.perf_counter() - spent
    if not 0 <= seed < _SEEDS:
        raise SpecError("--seed", f"must be between 0 and {_SEEDS - 1}", seed)
    team = from_environment()
    device = device or choose(local_rank=team.local_rank, local_world=team.local_world)
    run = Run(path=out)
    over = resume and run.is_sealed
    if not resume:
        run.refuse_taken()
    elif over:
        refuse_other_data(run, dataset.digest)
        refuse_other_terms(run, seed=seed, budget=budget)
        if tta:
            refuse_late(run)
    wanted = _Wanted(
        recipe=recipe,
        dataset=dataset,
        run=run,
        seed=seed,
        budget=budget,
        device=device,
        tta=tta,
        resume=resume,
        listen=listen,
        stop=stop,
        progress=_stoppable(progress, stop),
        began=began,
    )
    device.apply()
    with joined(team, device.place) as joint:
        # Another machine may see late what lies in the directory: the leader's eyes count.
        over, resume = joint.tell([over, resume])
        if over:
            return remembered(run) if joint.leads else Outcome(run=run, finished=True)
        return _executed(replace(wanted, resume=resume), joint)


def _executed(wanted: _Wanted, team: Team) -> Outcome:
    job, settled_recipe = assembled(
        wanted.recipe,
        wanted.dataset,
        seed=wanted.seed,
        budget=wanted.budget,
        device=wanted.device,
        team=team,
        progress=wanted.progress,
        began=wanted.began,
        save_every=SAVE_EVERY,
    )
    views = views_for(settled_recipe) if wanted.tta else ()
    job = leaving_time(job, views)
    run = wanted.run
    facts = describe(
        settled_recipe,
        wanted.dataset,
        wanted.device,
        seed=wanted.seed,
        budget=wanted.budget,
        processes=team.world,
    )
    state = opened(run, settled_recipe, facts, team, resume=wanted.resume)
    job, probe = with_probe(job)
    team.wait()
    clock = _clock(wanted, state)
    with clock.span("train"):
        ended = _ended(job, wanted, state, views, clock)
    if ended is None:
        return Outcome(run=run, finished=False)
    outcome = sealed(run, ended, wanted.dataset, clock, probe=probe, leads=team.leads)
    if team.leads:
        # Nothing is left to go on from, and they are several times the size of the weights.
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    team.wait()
    return outcome


def _clock(wanted: _Wanted, state: LoopState | None) -> Clock:
    before = 0.0 if state is None else float(state.scalars["used"])
    return Clock(
        counted=("prepare", "train", *(["tta"] if wanted.tta else [])),
        synchronise=wanted.device.synchronise,
        before={"prepare": time.perf_counter() - wanted.began, "train": before},
    )


def _ended(
    job: Job, wanted: _Wanted, state: LoopState | None, views: tuple[View, ...], clock: Clock
) -> Ended | None:
    """What training or fitting leaves behind; None where it was stopped."""
    ended = None
    watch = Watch(wanted.run, wanted.listen, leads=job.team.leads, save_every=job.save_every)
    watch.remember()
    try:
        if not job.stages:
            ended = fitted(job, wanted.dataset.classes)
        else:
            with watch.inexactness():
                for event in train(job, state, stop=wanted.stop):
                    watch.told(event)
            ended = _trained(job, watch)
        if ended is not None and views:
            with clock.span("tta"):
                ended = replace(ended, viewed=viewed(job, views, ended.probabilities))
    except _AskedToStop:
        ended = None
    if ended is None:
        watch.save()
    return ended


def _trained(job: Job, watch: Watch) -> Ended | None:
    if watch.finished is None:
        return None
    return Ended(
        classifier=job.classifier,
        probabilities=watch.finished.probabilities,
        seed=job.seed,
        effort=Effort(
            balanced=job.stages[-1].balance != "none",
            steps=watch.finished.steps,
            epochs=watch.run.epochs(),
        ),
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
