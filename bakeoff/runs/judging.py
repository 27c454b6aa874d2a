"""After the runs: choice on validation, the test part opened once, every number, the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bakeoff.data.audit import Audit
from bakeoff.data.dataset import Dataset
from bakeoff.data.duplicates import leaked
from bakeoff.data.progress import Progress
from bakeoff.evaluation.cautions import Facts
from bakeoff.evaluation.choice import Candidate, Choice, Wishes, choose
from bakeoff.evaluation.compare import compare
from bakeoff.evaluation.intervals import Interval
from bakeoff.evaluation.predictions import Predictions
from bakeoff.evaluation.verdict import Verdict, judge
from bakeoff.models.weights import RANDOM_NOTE
from bakeoff.runs import ledger
from bakeoff.runs.board import Doing, Happening
from bakeoff.runs.folder import SCHEMA, Folder, Record
from bakeoff.runs.journal import Ended, Past
from bakeoff.runs.ledger import Opened
from bakeoff.runs.lineup import Contender
from bakeoff.runs.reopen import predict
from bakeoff.runs.repeatable import identical
from bakeoff.runs.run import Run
from bakeoff.runs.scoring import Scored, cut_short, row, unlike
from bakeoff.spec.errors import CacheError
from bakeoff.spec.estimator import Estimator, LinearProbe, LinearRegression
from bakeoff.training.device import Device

__all__ = ["Judging"]

Part = Literal["test", "val"]


@dataclass(kw_only=True, eq=False)
class Judging:
    """From finished runs to result.json."""

    folder: Folder
    record: Record
    dataset: Dataset
    device: Device
    past: Past
    audit: Audit
    tell: Callable[[Happening], None]
    progress: Progress
    stop: Callable[[], bool]

    @property
    def part(self) -> Part:
        """What all numbers are of."""
        wanted = self.record.question.test and len(self.dataset.split.test) > 0
        return "test" if wanted else "val"

    def verdict(self) -> dict[str, Any] | None:
        """All of result.json but for the time; None where it was asked to stop."""
        found = [self._scored(one) for one in self.record.lineup.contenders]
        choice = self._choice(found)
        opened = self._opened([one for one in found if one.runs and one.why_not is None])
        began = time.monotonic()
        for place, one in enumerate(found):
            if self.stop():
                return None
            found[place] = self._measured(one)
        took = time.monotonic() - began
        self.tell(Doing(text="computing intervals and tests"))
        return {**self._result(found, choice, opened), "seconds": {"test": round(took, 1)}}

    def _scored(self, contender: Contender, **more: Any) -> Scored:
        ended: dict[int, Ended] = {}
        runs: dict[int, Run] = {}
        for seed in range(self.record.question.seeds):
            one = self.past.ended.get(f"{contender.name}-{seed}")
            if one is not None:
                ended[seed] = one
            if one is not None and one.status == "finished":
                runs[seed] = self.folder.run(contender.name, seed)
        cost = dict(self.past.costs.get(contender.name, {}))
        trouble = cost.pop("trouble", None)
        return Scored(
            contender=contender,
            ended=ended,
            runs=runs,
            cost=cost,
            warnings=() if trouble is None else (trouble,),
            why_not=unlike(list(runs.values()), self.dataset.digest) or cut_short(ended),
            **{"tables": {}, "tta": {}, **more},
        )

    def _choice(self, found: list[Scored]) -> Choice:
        """On validation alone: nothing else was looked at yet."""
        tables = {
            one.name: _tables(one, "val", self.dataset.classes)
            for one in found
            if one.runs and one.why_not is None
        }
        correct = {
            name: np.stack([table.correct for table in by_seed.values()])
            for name, by_seed in tables.items()
        }
        return choose([_candidate(one, None) for one in found], correct, self._wishes())

    def _opened(self, eligible: list[Scored]) -> Opened | None:
        if self.part != "test" or not eligible:
            return None
        self.tell(Doing(text="opening the test part"))
        return ledger.open_test(
            self.dataset,
            token=self.record.token,
            why=f"a bake-off of {', '.join(one.name for one in eligible)}",
            where=self.folder.path,
        )

    def _measured(self, one: Scored) -> Scored:
        """The contender with its tables of the part, from its runs as they lie on disk."""
        if not one.runs or one.why_not is not None:
            return one
        tables: dict[int, Predictions] = {}
        tta: dict[int, Predictions] = {}
        why_not = None
        try:
            for seed, run in one.runs.items():
                self.tell(Doing(text=f"{self._words} by {one.name}, seed {seed}"))
                tables[seed] = self._asked(run, views=False)
                if self.record.question.tta:
                    tta[seed] = self._asked(run, views=True)
        except CacheError:
            raise
        except Exception as error:
            tables, tta, why_not = {}, {}, f"It could not be asked for predictions: {error}"
        return (
            self._scored(one.contender, tables=tables, tta=tta)
            if why_not is None
            else Scored(
                contender=one.contender,
                ended=one.ended,
                runs=one.runs,
                tables={},
                tta={},
                cost=one.cost,
                why_not=why_not,
            )
        )

    @property
    def _seeds(self) -> int:
        """As many as there was time for."""
        asked, late = self.record.question.seeds, self.past.late
        return asked if late is None else late

    def _told(self, verdict: Verdict, found: list[Scored]) -> dict[str, Any]:
        """The verdict, with the winner's seed that did best on validation: the one to ship."""
        seed = None
        for one in found:
            if one.name == verdict.winner:
                seed = max(one.runs, key=lambda k: one.runs[k].result()["accuracy"])
        warnings = list(verdict.warnings)
        if self._seeds < self.record.question.seeds:
            warnings.append(
                f"There was time for {self._seeds} of the {self.record.question.seeds} seeds that "
                "were asked for: allow a longer --budget, or fewer contenders."
            )
        return {**asdict(verdict), "warnings": warnings, "seed": seed}

    @property
    def _words(self) -> str:
        return "test pictures" if self.part == "test" else "validation pictures"

    def _asked(self, run: Run, *, views: bool) -> Predictions:
        name = f"{self.part}-tta" if views else self.part
        if (run.path / "predictions" / f"{name}.npz").exists():
            return _table(run, name, self.dataset.classes)
        return predict(
            run,
            self.dataset,
            self.part,
            views=views,
            device=self.device,
            progress=self.progress,
        )

    def _wishes(self) -> Wishes:
        question = self.record.question
        return Wishes(
            prefer=question.prefer,
            max_latency=question.max_latency,
            max_size=question.max_size,
            margin=question.margin,
        )

    def _result(self, found: list[Scored], choice: Choice, opened: Opened | None) -> dict[str, Any]:
        question = self.record.question
        copied = leaked(self.dataset, self.part)
        rows = [row(one, leaked=copied, stopped=self.past.stopped.get(one.name)) for one in found]
        tables = {one.name: one.tables.values() for one in found if one.tables}
        pairs = compare(
            {one.name: one.correct for one in found if one.tables},
            deterministic=[one.name for one in found if one.deterministic],
            same=identical(tables),
            margin=question.margin,
        )
        candidates = [_candidate(one, told) for one, told in zip(found, rows, strict=True)]
        facts = Facts(
            part=self.part,
            pictures=len(self.dataset.split.parts()[self.part]),
            seeds=self._seeds,
            opened_before=opened.before if opened else 0,
            leaked=len(copied),
            empty=_empty(self.dataset, self.part),
            empty_val=_empty(self.dataset, "val"),
            random_weights=_random(found),
        )
        verdict = judge(_still(choice, candidates), candidates, pairs, self._wishes(), facts)
        return {
            "schema": SCHEMA,
            "kind": "bakeoff",
            "began": self.record.began,
            "asked": _asked(question.to_json()),
            "data": self._data(copied),
            "environment": _environment(found, self.device),
            "lineup": {
                "name": self.record.lineup.name,
                "reason": self.record.lineup.reason,
                "left_out": [asdict(one) for one in self.record.lineup.left_out],
            },
            "part": self.part,
            "opened": {"times": opened.times, "before": opened.before} if opened else None,
            "contenders": rows,
            "pairs": [asdict(pair) for pair in pairs],
            "verdict": self._told(verdict, found),
        }

    def _data(self, copied: npt.NDArray[np.int64]) -> dict[str, Any]:
        return {
            "name": self.dataset.name,
            "digest": self.dataset.digest,
            "classes": list(self.dataset.classes),
            "counts": {name: one.tolist() for name, one in self.dataset.counts().items()},
            "findings": [asdict(one) for one in self.audit.findings],
            "leaked": {"pictures": len(copied), "indices": copied.tolist()},
        }


def _tables(one: Scored, part: str, classes: tuple[str, ...]) -> dict[int, Predictions]:
    return {seed: _table(run, part, classes) for seed, run in one.runs.items()}


def _table(run: Run, name: str, classes: tuple[str, ...]) -> Predictions:
    facts = run.predictions(name)
    return Predictions(
        indices=facts["indices"],
        labels=facts["labels"],
        probabilities=facts["probabilities"],
        classes=classes,
    )


def _candidate(one: Scored, told: dict[str, Any] | None) -> Candidate:
    """As the verdict sees it: before anything of the part is known, or after."""
    takes_part = bool(one.runs) and one.why_not is None and (told is None or bool(one.tables))
    status, reason = ("finished", None)
    if not takes_part:
        last = list(one.ended.values())[-1:]
        status = last[0].status if last and last[0].status != "finished" else "crashed"
        status = "stopped" if cut_short(one.ended) is not None else status
        reason = one.why_not or (last[0].reason if last else "None of its runs was begun.")
    numbers = {} if told is None else told["numbers"]
    warnings = [] if told is None else [text for text in told["warnings"] if text != RANDOM_NOTE]
    network = one.contender.recipe.network
    return Candidate(
        name=one.name,
        status=status,
        reason=reason,
        validation=one.validation,
        accuracy=Interval(**numbers["accuracy"]) if "accuracy" in numbers else None,
        clean=Interval(**numbers["clean_accuracy"]) if "clean_accuracy" in numbers else None,
        latency=one.cost.get("latency"),
        size=one.cost.get("bytes"),
        parameters=one.cost.get("parameters"),
        warnings=tuple(warnings),
        deterministic=one.deterministic,
        is_baseline=isinstance(network, Estimator)
        and isinstance(network.method, LinearRegression | LinearProbe),
    )


def _still(choice: Choice, candidates: list[Candidate]) -> Choice:
    """The choice, unless the chosen one turned out not to answer any more."""
    finished = {one.name for one in candidates if one.finished}
    if choice.name is None or choice.name in finished:
        return choice
    return Choice(name=None, best=None, excluded=choice.excluded)


def _empty(dataset: Dataset, part: Part) -> tuple[str, ...]:
    """Classes of which the part has no picture."""
    counts = dataset.counts()[part]
    return tuple(name for name, n in zip(dataset.classes, counts, strict=True) if not n)


def _random(found: list[Scored]) -> tuple[str, ...]:
    return tuple(
        one.name
        for one in found
        if any(run.result()["random_weights"] for run in one.runs.values())
    )


def _asked(question: dict[str, Any]) -> dict[str, Any]:
    return {**question, "budget": question["seconds"]}


def _environment(found: list[Scored], device: Device) -> dict[str, Any]:
    told: dict[str, Any] = {"device": str(device.place), "threads": device.threads}
    for one in found:
        for run in one.runs.values():
            facts = run.environment()
            told |= {"libraries": facts["libraries"], "code": facts["code"]}
            told["platform"] = f"{facts['system']}, Python {facts['python']}"
            return told
    return told
