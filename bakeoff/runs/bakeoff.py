"""A bake-off: a line-up × seeds over one dataset, under equal terms, to a result in a directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bakeoff.data.audit import Audit, audit
from bakeoff.data.cache import writing
from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress, silent
from bakeoff.recipes.adapt import adapted
from bakeoff.runs.allotment import Allotment
from bakeoff.runs.board import Doing, Entered, Happening
from bakeoff.runs.choosing import lineup_for
from bakeoff.runs.cluster.errand import Elsewhere
from bakeoff.runs.cost import measured
from bakeoff.runs.folder import LOCK, Folder, Record, refuse_other_data
from bakeoff.runs.journal import Past
from bakeoff.runs.judging import Judging
from bakeoff.runs.ledger import openings
from bakeoff.runs.lineup import Contender, declared
from bakeoff.runs.question import DEFAULT, Question
from bakeoff.runs.reopen import predict
from bakeoff.runs.rounds import Rounds
from bakeoff.runs.run import Run
from bakeoff.runs.sharing import Sharing
from bakeoff.spec import codec
from bakeoff.spec.errors import CacheError, DataError, SpecError
from bakeoff.spec.recipe import Recipe
from bakeoff.training.device import Device, choose

__all__ = ["Baked", "bake"]


_FOR_STARTS = 60.0
"""Seconds of the budget for each contender below which no cold start is measured."""

_CROWN = 2.0
"""Times what validation takes in a contender's own numbers that a champion takes, which looks at it
in single precision, and at foreign pictures too."""

_VIEWS = 6
"""Looks at a picture where several views of it are taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Baked:
    """How a bake-off ended."""

    folder: Folder
    finished: bool
    """False: it was stopped, and goes on when it is asked for again."""


def bake(
    question: Question,
    dataset: Dataset,
    out: Path,
    *,
    own: Mapping[str, Recipe] | None = None,
    device: Device | None = None,
    elsewhere: Elsewhere | None = None,
    listen: Callable[[Happening], None] = lambda happening: None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = silent,
    spent: float = 0.0,
) -> Baked:
    """Train all contenders into `out`, choose on validation, open the test part once, and write
    result.json; or go on with what is there.

    `own` are recipes given as values, by the names that the question calls them. `spent` seconds of
    the budget are gone already. `elsewhere` is where runs are made side by side; all else is done
    here.
    """
    began = time.perf_counter() - spent
    device = device or choose()
    device.apply()
    folder = Folder(path=out)
    if elsewhere is not None:
        elsewhere.ready(dataset, device, out)
    # Chosen first: what cannot be begun leaves no directory behind.
    lineup = (
        None
        if folder.has_begun()
        else lineup_for(question, dataset, device, own, spent=time.perf_counter() - began)
    )
    with _alone(out):
        if lineup is None or folder.has_begun():
            record = _gone_on(folder, question, dataset, own)
        else:
            record = folder.begin(question, dataset, lineup)
        baking = _Baking(
            folder=folder,
            record=record,
            dataset=dataset,
            device=device,
            elsewhere=elsewhere,
            tell=listen,
            stop=stop,
            progress=progress,
            began=began,
        )
        return Baked(folder=folder, finished=baking.go())


@dataclass(kw_only=True, eq=False)
class _Baking:
    folder: Folder
    record: Record
    dataset: Dataset
    device: Device
    elsewhere: Elsewhere | None
    tell: Callable[[Happening], None]
    stop: Callable[[], bool]
    progress: Progress
    began: float

    def go(self) -> bool:
        """All of it; False where it was asked to stop."""
        journal, question = self.folder.journal, self.record.question
        past = journal.past()
        allotment = self._allotment(past, question)
        journal.record("life", spent=round(allotment.spent() - past.spent, 3))
        self.tell(
            Entered(
                lineup=self.record.lineup,
                seeds=question.seeds,
                seconds=question.seconds,
                spent=allotment.spent(),
            )
        )
        self.tell(Doing(text="looking at the data"))
        looked = audit(self.dataset, progress=self.progress)
        prepared = allotment.spent() - past.spent
        if not self._rounds(past, allotment).go():
            return False
        trained = allotment.spent()
        told = self._judging(past, looked).verdict()
        if told is None:
            return False
        total = allotment.spent()
        told["seconds"] |= {
            "total": round(total, 1),
            "prepare": round(prepared, 1),
            "train": round(trained - prepared, 1),
        }
        before = self.folder.result()
        if before is not None:
            # Judged anew; what it took is what it took when it was made.
            told["seconds"] = before["seconds"]
        self.folder.write("result.json", told)
        journal.record("done", spent=round(total - past.spent, 3))
        return True

    def _allotment(self, past: Past, question: Question) -> Allotment:
        parts = self.dataset.split
        return Allotment(
            seconds=question.seconds,
            spent=lambda: past.spent + time.perf_counter() - self.began,
            pictures=len(parts.test if question.test else parts.val),
            looks=past.looks,
            crowns={name: self._crown(cost) for name, cost in past.costs.items()},
            champion=question.champion,
        )

    def _crown(self, cost: Mapping[str, Any]) -> float:
        """Seconds that a champion's look at validation takes, of a contender that costs so much."""
        throughput: float = cost.get("throughput", float("inf"))
        return _CROWN * len(self.dataset.split.val) / throughput

    def _judging(self, past: Past, looked: Audit) -> Judging:
        return Judging(
            folder=self.folder,
            record=self.record,
            dataset=self.dataset,
            device=self.device,
            past=past,
            audit=looked,
            tell=self.tell,
            progress=self.progress,
            stop=self.stop,
        )

    def _rounds(self, past: Past, allotment: Allotment) -> Rounds:
        def measure(contender: Contender, run: Run) -> None:
            if contender.name in past.costs:
                return
            self.tell(Doing(text=f"what {contender.name} costs"))
            began = time.perf_counter()
            cost, look = self._cost(run)
            past.costs[contender.name] = cost
            took = time.perf_counter() - began
            allotment.measuring.append(took)
            allotment.looks[contender.name] = look
            allotment.crowns[contender.name] = self._crown(cost)
            self.folder.journal.record(
                "cost",
                contender=contender.name,
                cost=cost,
                look=round(look, 3),
                spent=round(allotment.spent() - past.spent, 3),
            )

        return Rounds(
            folder=self.folder,
            record=self.record,
            dataset=self.dataset,
            device=self.device,
            past=past,
            sharing=Sharing(
                lineup=self.record.lineup,
                seeds=self.record.question.seeds,
                past=past,
                allotment=allotment,
            ),
            tell=self.tell,
            stop=self.stop,
            progress=self.progress,
            measure=measure,
            elsewhere=self.elsewhere,
        )

    def _cost(self, run: Run) -> tuple[dict[str, Any], float]:
        """What a run's classifier costs; and the seconds that the measured part will take, by those
        of validation, whose stored predictions have to come out again."""
        began = time.perf_counter()
        try:
            predict(run, self.dataset, "val", device=self.device, progress=self.progress)
            took = time.perf_counter() - began
            cost = asdict(
                measured(
                    run, classes=self.dataset.classes, device=self.device, cold=self._may_start()
                )
            )
        except CacheError:
            raise
        except Exception as error:
            # A row without its costs is better than none.
            trouble = f"Its costs could not be measured: {error}"
            return {"trouble": trouble}, time.perf_counter() - began
        return cost, self._look(took, cost["throughput"])

    def _may_start(self) -> bool:
        """Whether there is time to start a new process for each contender, which says least of
        all and takes longest."""
        seconds = self.record.question.seconds
        return seconds is None or seconds >= _FOR_STARTS * len(self.record.lineup.contenders)

    def _look(self, took: float, throughput: float) -> float:
        """Seconds for the test part, by what validation took: opening, and so many pictures."""
        question, parts = self.record.question, self.dataset.split
        if not question.test:
            return 0.0
        opening = max(0.0, took - len(parts.val) / throughput)
        views = _VIEWS if question.tta else 0
        return opening * (2 if views else 1) + (1 + views) * len(parts.test) / throughput


def _gone_on(
    folder: Folder, question: Question, dataset: Dataset, own: Mapping[str, Recipe] | None
) -> Record:
    """The record of a bake-off that began, with the question as it is asked now."""
    record = folder.record()
    refuse_other_data(record, dataset, folder.path)
    question.refuse_other(record.question, folder.path)
    if any(one.token == record.token for one in openings(dataset)):
        question.refuse_other_choice(record.question, folder.path)
    if question.lineup != DEFAULT:
        _refuse_other_recipes(record, question, folder.path, own)
    record = replace(record, question=question)
    # As it is asked now: once the test part is opened that is what it is held to.
    folder.keep(record)
    return record


def _refuse_other_recipes(
    record: Record, question: Question, where: Path, own: Mapping[str, Recipe] | None
) -> None:
    """An error where a recipe says something else than when the bake-off began."""
    _, asked = declared(question.lineup, own)
    now = {recipe.name: recipe for recipe in asked}
    for one in record.lineup.contenders:
        recipe = now.get(one.name)
        if recipe is not None and one.recipe.preprocess.size != recipe.preprocess.size:
            recipe = adapted(recipe, size=one.recipe.preprocess.size)
        if recipe is not None and question.weights is not None:
            recipe = _weighted(recipe, question.weights)
        if recipe is None or codec.digest(recipe) != codec.digest(one.recipe):
            raise SpecError(
                f"the recipe {one.name} of {where}",
                "must be what it was when the bake-off began, in all its settings",
                suggestion="Give another --out for a changed recipe.",
            )


def _weighted(recipe: Recipe, weights: str) -> Recipe:
    try:
        return adapted(recipe, weights=weights)
    except SpecError:
        # It has no backbone.
        return recipe


def _alone(out: Path) -> FileLock:
    lock = FileLock(out / LOCK, timeout=0)
    try:
        with writing("the bake-off", out, suggestion="Give another --out."):
            out.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except Timeout:
        raise DataError(
            str(out),
            "is being written by another bake-off that still runs",
            suggestion="Wait for it, or give another --out.",
        ) from None
    return lock
