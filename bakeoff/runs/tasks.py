"""Runs that go on at once as Ray tasks: begun, listened to, begun again where a node was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bakeoff.runs.board import Doing, Happening, RunBegan, Told
from bakeoff.runs.errand import Brought, Errand, carried_out
from bakeoff.runs.nodes import Needs
from bakeoff.runs.run import Run
from bakeoff.runs.tail import Tail
from bakeoff.runs.watchman import Watchman
from bakeoff.spec.errors import DataError
from bakeoff.training import checkpoint
from bakeoff.training.events import Event, Noted

__all__ = ["LOSSES", "Tasks"]

LOSSES = 3
"""Times that whoever makes a run may be lost, without getting further, before it is given up."""

_OFTEN = 0.5
"""Seconds between two looks at what runs say."""

_PATIENCE = 120.0
"""Seconds that runs have to leave a checkpoint."""


@dataclass(kw_only=True, eq=False)
class _Going:
    """One run that was sent out."""

    errand: Errand
    tell: Callable[[Happening], None]
    tail: Tail = field(init=False)
    beside: Watchman = field(init=False)
    resumed: bool = False
    begun: bool = False
    losses: int = 0
    place: str = ""

    def __post_init__(self) -> None:
        self.listen()

    def listen(self) -> None:
        """From now on, to a new life of the run."""
        errand = self.errand
        run = Run(path=errand.path)
        self.resumed = (run.path / "environment.json").exists()
        self.begun, self.tail = False, Tail(run, skip=True)
        self.beside = Watchman(
            errand.recipe.stages,
            tell=self._told,
            asked=lambda: False,
            aside=lambda: None,
            share=None,
            best=None,
            pictures=0,
        )

    def pass_on(self) -> None:
        """What it has said since."""
        if not self.tail.grew():
            return
        one = self.errand
        if not self.begun:
            self.begun = True
            self.tell(
                RunBegan(
                    contender=one.contender, seed=one.seed, share=one.share, resumed=self.resumed
                )
            )
        for event in self.tail.events():
            self.beside.heard(event)

    def lost(self, why: str) -> Brought | None:
        """Its process or its node is gone; how it ended, where that was once too often."""
        found = checkpoint.checkpoints(Run(path=self.errand.path).checkpoints)
        place = found[0].name if found else ""
        self.losses = self.losses + 1 if place == self.place else 1
        self.place = place
        if self.losses >= LOSSES:
            reason = (
                f"The process that made it was lost {LOSSES} times, and got no further ({why}): "
                "out of memory, perhaps."
            )
            return Brought(reason=("crashed", reason))
        self._told(Noted(text=f"Its process or node was lost ({why}); it goes on elsewhere."), 0.0)
        self.listen()
        return None

    def _told(self, event: Event, place: float) -> None:
        one = self.errand
        self.tell(Told(contender=one.contender, seed=one.seed, event=event, place=place))


class Tasks:
    """The runs of a round."""

    def __init__(
        self,
        ray: Any,
        dataset: Any,
        *,
        needs: Needs,
        where: str,
        tell: Callable[[Happening], None],
        stop: Callable[[], bool],
    ) -> None:
        self._ray, self._dataset, self._where = ray, dataset, where
        self._tell, self._stop = tell, stop
        self._task = ray.remote(carried_out)
        # Begun again by us, who know whether it got any further.
        self._how = {"num_cpus": needs.cpus, "num_gpus": needs.gpus, "max_retries": 0}
        self._going: dict[Any, _Going] = {}
        self._asked: float | None = None

    def make(self, errands: Sequence[Errand]) -> dict[str, Brought]:
        """How all of them ended, by name; those are missing that never began as `stop` said so."""
        halts = {errand.halt for errand in errands}
        for halt in halts:
            halt.unlink(missing_ok=True)
        self._tell(Doing(text=f"{len(errands)} runs on {self._where}"))
        try:
            for errand in errands:
                self._send(_Going(errand=errand, tell=self._tell))
            return self._brought()
        except ConnectionError as error:
            raise DataError(
                f"--on {self._where}",
                "lost the cluster; what is done is kept",
                suggestion="Go on with the same command, --out and --resume.",
            ) from error
        finally:
            for halt in halts:
                with suppress(OSError):
                    halt.unlink(missing_ok=True)

    def _brought(self) -> dict[str, Brought]:
        found = dict[str, Brought]()
        while self._going and not self._is_enough():
            ready, _ = self._ray.wait(list(self._going), timeout=_OFTEN)
            for one in self._going.values():
                one.pass_on()
            for task in ready:
                one = self._going.pop(task)
                brought = self._got(task, one)
                if brought is not None:
                    found[one.errand.name] = brought
                elif self._asked is None:
                    self._send(one)
        return found

    def _send(self, one: _Going) -> None:
        named = self._task.options(name=one.errand.name, **self._how)
        task = named.remote(one.errand, self._dataset)
        self._going[task] = one

    def _got(self, task: Any, one: _Going) -> Brought | None:
        """How it ended; None where it has to be begun again."""
        errors = self._ray.exceptions
        try:
            brought: Brought = self._ray.get(task)
        except (errors.RayTaskError, errors.TaskCancelledError):
            if self._asked is None:
                raise
            return None
        except errors.RayError as error:
            return one.lost(type(error).__name__)
        return brought

    def _is_enough(self) -> bool:
        """Whether it was asked to stop and all had time to; those that wait for room never
        begin."""
        if self._asked is None:
            if not self._stop():
                return False
            self._asked = time.monotonic()
            for task, one in self._going.items():
                one.errand.halt.touch()
                if not one.begun:
                    self._ray.cancel(task)
        return time.monotonic() - self._asked > _PATIENCE
