"""The runs of a bake-off, one after another: a round is one seed of everyone who is still in."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress
from bakeoff.runs.blame import in_words, is_its_own
from bakeoff.runs.board import Happening, RunBegan, RunEnded, Told
from bakeoff.runs.cluster.errand import Brought, Elsewhere, Errand, held_against
from bakeoff.runs.elimination import WORTH, lost
from bakeoff.runs.execute import execute
from bakeoff.runs.folder import Folder, Record
from bakeoff.runs.journal import DEATHS, Ended, Past
from bakeoff.runs.lineup import Contender
from bakeoff.runs.run import Run
from bakeoff.runs.sharing import Sharing, status_of
from bakeoff.runs.watchman import Watchman
from bakeoff.spec.training import Budget
from bakeoff.training import checkpoint
from bakeoff.training.device import Device
from bakeoff.training.events import Evaluated, Event

__all__ = ["Rounds", "right"]

HALT = ".halt"
"""Its being there asks the runs that are made elsewhere to stop."""

_BEAT = 10.0
"""Seconds between lines that say only how much time was used."""


@dataclass(kw_only=True, eq=False)
class Rounds:
    """All runs of a bake-off."""

    folder: Folder
    record: Record
    dataset: Dataset
    device: Device
    past: Past
    sharing: Sharing
    tell: Callable[[Happening], None]
    stop: Callable[[], bool]
    progress: Progress
    measure: Callable[[Contender, Run], None]
    """What is done with the first run of a contender that ends well."""

    elsewhere: Elsewhere | None = None
    """Where the runs of a round are made side by side; None: here, one after another."""

    _brought: dict[str, Brought] = field(default_factory=dict)
    """How runs that were made elsewhere ended, until their turn comes."""

    _noted: float = field(default_factory=time.monotonic)

    def go(self) -> bool:
        """Make all runs; False where it was asked to stop."""
        for seed in range(self.record.question.seeds):
            if self._late(seed):
                return True
            if self.elsewhere is not None and not self._go_ahead(seed, self.elsewhere):
                return False
            for contender in self.record.lineup.contenders:
                if not self._go_one(contender, seed):
                    return False
            if seed + 1 < self.record.question.seeds:
                self._stop_the_lost(seed)
        return True

    def finished(self, contender: str) -> list[Run]:
        """Runs of a contender that ended well so far, by seed."""
        seeds = range(self.record.question.seeds)
        names = [(f"{contender}-{seed}", seed) for seed in seeds]
        return [
            self.folder.run(contender, seed)
            for name, seed in names
            if name in self.past.ended and self.past.ended[name].status == "finished"
        ]

    def _go_ahead(self, seed: int, elsewhere: Elsewhere) -> bool:
        """Have all runs of a round made side by side. Then each has its turn, as if it had been
        made here and now; False where it was asked to stop."""
        wanted = []
        for contender in self.record.lineup.contenders:
            name = f"{contender.name}-{seed}"
            run = self.folder.run(contender.name, seed)
            if name in self.past.ended or self.sharing.given_up(contender) is not None:
                continue
            share = self._share(contender, seed, begun=run.path.exists())
            # Should this process die, then no run is to blame: they go on without it.
            self._note("began", run=name, share=share, place=_place(run))
            self._note("aside", run=name)
            wanted.append(self._errand(contender, seed, share))

        def tell(happening: Happening) -> None:
            self.tell(happening)
            self._beat()

        self._brought = elsewhere.make(wanted, tell=tell, stop=self.stop) if wanted else {}
        return not self.stop()

    def _share(self, contender: Contender, seed: int, *, begun: bool) -> float | None:
        """Seconds for a run that is made elsewhere: with others at its side there is more time for
        the later seeds, which would then be of another recipe than the first."""
        name = f"{contender.name}-{seed}"
        if not (begun and name in self.past.shares):
            share, first = self.sharing.share(contender, seed), None
            if seed > 0:
                first = self.past.shares.get(f"{contender.name}-0")
            self.past.shares[name] = share if share is None or first is None else min(share, first)
        return self.past.shares[name]

    def _errand(self, contender: Contender, seed: int, share: float | None) -> Errand:
        return Errand(
            contender=contender.name,
            seed=seed,
            recipe=contender.recipe,
            path=self.folder.run(contender.name, seed).path.absolute(),
            device=self.device,
            budget=self._budget(share),
            share=share,
            limit=None if contender.expected.fills else share,
            halt=(self.folder.path / HALT).absolute(),
        )

    def _go_one(self, contender: Contender, seed: int) -> bool:
        name = f"{contender.name}-{seed}"
        run = self.folder.run(contender.name, seed)
        before = self.past.ended.get(name)
        if before is not None:
            self._tell_end(contender, seed, before, remembered=True)
            if before.status == "finished" and contender.name not in self.past.costs:
                self.measure(contender, run)
            return True
        why = self.sharing.given_up(contender)
        if why is not None:
            self._tell_end(contender, seed, Ended(status=why[0], reason=why[1], seconds=0.0))
            return True
        if self.stop():
            return False
        place = _place(run)
        known = name not in self._brought and self.past.places.get(name) == place
        if known and self.past.deaths.get(name, 0) >= DEATHS:
            reason = (
                f"The whole process died {DEATHS} times while this ran, and got no further: out of "
                "memory, perhaps."
            )
            self._end(contender, seed, Ended(status="crashed", reason=reason, seconds=0.0))
            return True
        return self._run(contender, seed, run, place)

    def _run(self, contender: Contender, seed: int, run: Run, place: str) -> bool:
        name = f"{contender.name}-{seed}"
        resume = (run.path / "environment.json").exists()
        share = self.past.shares.get(name) if resume else self.sharing.share(contender, seed)
        if not resume:
            # What a life that ended at once may have left there.
            shutil.rmtree(run.path, ignore_errors=True)
        self.past.shares[name] = share
        self._note("began", run=name, share=share, place=place)
        brought = self._brought.get(name)
        if brought is None:
            self.tell(RunBegan(contender=contender.name, seed=seed, share=share, resumed=resume))
        began, beside = time.monotonic(), self._watchman(contender, seed, share)
        done = self._done(contender, seed, run, share, resume, beside)
        seconds = time.monotonic() - began if brought is None else brought.seconds
        if not done and beside.reason is None:
            return False
        status, reason = ("finished", None) if done or beside.reason is None else beside.reason
        self._end(contender, seed, Ended(status=status, reason=reason, seconds=seconds))
        if done:
            self._ended_well(contender, run, seconds)
        else:
            _let_go()
        return True

    def _done(
        self,
        contender: Contender,
        seed: int,
        run: Run,
        share: float | None,
        resume: bool,
        beside: Watchman,
    ) -> bool:
        """Whether the run is over and sealed. If not `beside` knows why, or it was asked to stop.

        It is put aside on record, so that no one takes it for one in which the process died.
        """
        done = False
        try:
            done = self._executed(contender, seed, run, share, resume, beside)
        except KeyboardInterrupt:
            # Work that has no checkpoint of its own ends like this where it has to stop.
            if beside.reason is None and not self.stop():
                raise
        except Exception as error:
            if not is_its_own(error):
                raise
            beside.reason = ("crashed", in_words(error))
        finally:
            if not done:
                self._note("aside", run=f"{contender.name}-{seed}")
        return done

    def _ended_well(self, contender: Contender, run: Run, seconds: float) -> None:
        if not contender.expected.fills:
            longest = max(seconds, self.sharing.allotment.used.get(contender.name, 0.0))
            self.sharing.allotment.used[contender.name] = longest
        self.measure(contender, run)

    def _watchman(self, contender: Contender, seed: int, share: float | None) -> Watchman:
        name = contender.name
        heard = f"{name}-{seed}" in self._brought

        def tell(event: Event, place: float) -> None:
            if heard:
                return
            self.tell(Told(contender=name, seed=seed, event=event, place=place))
            if isinstance(event, Evaluated):
                self._beat()

        return Watchman(
            contender.recipe.stages,
            tell=tell,
            asked=self.stop,
            aside=lambda: self._note("aside", run=f"{name}-{seed}"),
            share=None if contender.expected.fills else share,
            best=self._best(other=name) if self.record.question.stopping else None,
            pictures=len(self.dataset.split.val),
        )

    def _executed(
        self,
        contender: Contender,
        seed: int,
        run: Run,
        share: float | None,
        resume: bool,
        beside: Watchman,
    ) -> bool:
        brought = self._brought.get(f"{contender.name}-{seed}")
        if brought is not None:
            return held_against(brought, run, beside)
        outcome = execute(
            contender.recipe,
            self.dataset,
            run.path,
            seed=seed,
            budget=self._budget(share),
            device=self.device,
            resume=resume,
            listen=beside.heard,
            stop=beside.stop,
            progress=self.progress,
        )
        return outcome.finished

    def _budget(self, share: float | None) -> Budget | None:
        if share is not None:
            return Budget(seconds=share)
        epochs = self.record.lineup.epochs
        return None if epochs is None else Budget(epochs=epochs)

    def _late(self, seed: int) -> bool:
        """Whether there is too little time left for another round: a seed that had far less time
        than the first says little of the same recipe."""
        if self.past.late is None and self.sharing.is_too_late(seed):
            self.past.late = seed
            self._note("late", seed=seed)
        if self.past.late is None or seed < self.past.late:
            return False
        late = Ended(status="unfinished", reason="No time was left for it.", seconds=0.0)
        for contender in self.record.lineup.contenders:
            for rest in range(seed, self.record.question.seeds):
                self._tell_end(contender, rest, late)
        return True

    def _stop_the_lost(self, seed: int) -> None:
        if not self.record.question.stopping:
            return
        correct = {
            one.name: right(runs)
            for one in self.record.lineup.contenders
            if (runs := self.finished(one.name)) and len(runs) == seed + 1
        }
        eligible = [name for name in correct if self._eligible(name)]
        margin = self.record.question.margin
        for name, reason in lost(correct, eligible=eligible, margin=margin).items():
            if name not in self.past.stopped and self._saved(name, seed) >= WORTH:
                self.past.stopped[name] = reason
                self._note("stopped", contender=name, reason=reason)

    def _saved(self, name: str, seed: int) -> float:
        """Seconds that another seed would take. By what was expected, not by what it took: who
        else wants the machine must not decide who is stopped."""
        contender = next(one for one in self.record.lineup.contenders if one.name == name)
        share = self.past.shares.get(f"{name}-{seed}")
        if contender.expected.fills and share is not None:
            return share
        return contender.expected.seconds

    def _eligible(self, name: str) -> bool:
        """Whether a contender is within the limits, as far as that was measured."""
        cost, question = self.past.costs.get(name, {}), self.record.question
        limits = ((question.max_latency, "latency"), (question.max_size, "bytes"))
        return all(limit is None or cost.get(what, 0) <= limit for limit, what in limits)

    def _best(self, *, other: str) -> tuple[str, float] | None:
        """The contender that could win so far, `other` left out, and its accuracy on validation:
        a lucky seed must not be held against the next one of the same recipe."""
        found = {
            one.name: float(right(runs).mean())
            for one in self.record.lineup.contenders
            if one.name != other and (runs := self.finished(one.name)) and self._eligible(one.name)
        }
        return max(found.items(), key=lambda item: item[1]) if found else None

    def _end(self, contender: Contender, seed: int, ended: Ended) -> None:
        name = f"{contender.name}-{seed}"
        self.past.ended[name] = ended
        self._note(
            "ended",
            run=name,
            status=ended.status,
            reason=ended.reason,
            seconds=round(ended.seconds, 3),
        )
        self._tell_end(contender, seed, ended)

    def _tell_end(
        self, contender: Contender, seed: int, ended: Ended, *, remembered: bool = False
    ) -> None:
        validation = None
        if ended.status == "finished":
            validation = self.folder.run(contender.name, seed).result()["accuracy"]
        self.tell(
            RunEnded(
                contender=contender.name,
                seed=seed,
                status=status_of(ended.status),
                validation=validation,
                seconds=ended.seconds,
                reason=ended.reason,
                remembered=remembered,
            )
        )

    def _beat(self) -> None:
        """Have the time that was used on record, now and then."""
        if time.monotonic() - self._noted >= _BEAT:
            self._note("beat")

    def _note(self, kind: str, **facts: Any) -> None:
        self._noted = time.monotonic()
        spent = round(self.sharing.allotment.spent() - self.past.spent, 3)
        self.folder.journal.record(kind, **facts, spent=spent)


def right(runs: list[Run]) -> npt.NDArray[np.bool_]:
    """Whether each validation picture is right, runs × pictures."""
    tables = [run.predictions("val") for run in runs]
    return np.stack([one["probabilities"].argmax(1) == one["labels"] for one in tables])


def _place(run: Run) -> str:
    """The newest checkpoint's name."""
    found = checkpoint.checkpoints(run.checkpoints)
    return found[0].name if found else ""


def _let_go() -> None:
    """Give back what an error's traceback holds in circles, before the next run wants memory."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
