"""Runs that go on at once as Ray tasks: begun, listened to, begun again where a node was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bakeoff.runs.board import Doing, Happening, RunBegan, Told
from bakeoff.runs.cluster.afar import carried_out_afar
from bakeoff.runs.cluster.errand import Brought, Errand, carried_out
from bakeoff.runs.cluster.homing import Absent, Homing
from bakeoff.runs.cluster.nodes import Needs
from bakeoff.runs.cluster.tail import Tail
from bakeoff.runs.cluster.via import Via
from bakeoff.runs.folder import Folder
from bakeoff.runs.run import Run
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

_TO_PUT = 300.0
"""More of them, where it has to be put behind a URL."""

_AT_ONCE = 16
"""Runs that are asked behind a URL at the same time."""


@dataclass(kw_only=True, eq=False)
class _Going:
    """One run that was sent out."""

    errand: Errand
    tell: Callable[[Happening], None]
    absent: Absent | None
    """How it is followed, where it is not made on a path that is seen here."""

    tail: Tail = field(init=False)
    beside: Watchman = field(init=False)
    resumed: bool = False
    begun: bool = False
    losses: int = 0
    place: str = ""

    def listen(self) -> None:
        """From now on, to a new life of the run."""
        errand = self.errand
        run = Run(path=errand.path)
        self.resumed = run.has_begun if self.absent is None else self.absent.resumed()
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

    def follow(self) -> None:
        """Bring here what it has said since, if it is not here anyway."""
        if self.absent is not None and (changed := self.absent.follow()) is not None:
            self.tail.rewind(changed)

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
        if self.absent is not None:
            self.absent.lost()
        place = self._place()
        self.losses = self.losses + 1 if place == self.place else 1
        self.place = place
        if self.losses >= LOSSES:
            reason = (
                f"The process that made it was lost {LOSSES} times, and got no further ({why}): "
                "out of memory, perhaps."
            )
            return Brought(reason=("crashed", reason))
        self._told(Noted(text=f"Its process or node was lost ({why}); it goes on elsewhere."), 0.0)
        return None

    def halt(self) -> None:
        """Ask it to leave a checkpoint and stop."""
        if self.absent is None:
            self.errand.halt.touch()
        else:
            self.absent.halt()

    def _place(self) -> str:
        """The newest checkpoint."""
        if self.absent is not None:
            return self.absent.place()
        found = checkpoint.checkpoints(Run(path=self.errand.path).checkpoints)
        return found[0].name if found else ""

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
        via: Via | None,
        tell: Callable[[Happening], None],
        stop: Callable[[], bool],
    ) -> None:
        self._ray, self._dataset, self._where, self._via = ray, dataset, where, via
        self._tell, self._stop = tell, stop
        self._task = ray.remote(carried_out if via is None else carried_out_afar)
        # Begun again by us, who know whether it got any further.
        self._how = {"num_cpus": needs.cpus, "num_gpus": needs.gpus, "max_retries": 0}
        self._going: dict[Any, _Going] = {}
        self._found: dict[str, Brought] = {}
        self._count = 0
        self._asked: float | None = None

    def make(self, errands: Sequence[Errand]) -> dict[str, Brought]:
        """How all of them ended, by name; those are missing that never began as `stop` said so."""
        halts = {errand.halt for errand in errands}
        for halt in halts:
            halt.unlink(missing_ok=True)
        self._count = len(errands)
        through = "" if self._via is None else f", kept at {self._via.shown}"
        self._tell(Doing(text=f"{len(errands)} runs on {self._where}{through}"))
        try:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for one in pool.map(self._begun, errands):
                    if one is not None:
                        self._send(one)
                self._listen(pool)
            return self._found
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

    def _begun(self, errand: Errand) -> _Going | None:
        """A run to be sent out; None where it is over already."""
        if self._via is None:
            return _Going(errand=errand, tell=self._tell, absent=None)
        absent = Homing(via=self._via, folder=Folder(path=errand.halt.parent)).absent(errand)
        before = absent.before()
        if before is None:
            return _Going(errand=errand, tell=self._tell, absent=absent)
        self._found[errand.name] = before
        return None

    def _listen(self, pool: ThreadPoolExecutor) -> None:
        while self._going and not self._is_enough():
            ready, _ = self._ray.wait(list(self._going), timeout=_OFTEN)
            list(pool.map(_Going.follow, self._going.values()))
            for one in self._going.values():
                one.pass_on()
            for task in ready:
                one = self._going.pop(task)
                brought = self._got(task, one)
                if brought is not None:
                    self._found[one.errand.name] = self._home(brought, one)
                elif self._asked is None:
                    self._send(one)

    def _home(self, brought: Brought, one: _Going) -> Brought:
        if one.absent is not None:
            brought = one.absent.home(brought)
            one.pass_on()
        # What came of it is told when its turn comes, which may be long after.
        over = len(self._found) + 1
        self._tell(Doing(text=f"{over} of {self._count} runs are over on {self._where}"))
        return brought

    def _send(self, one: _Going) -> None:
        """A life of it, from now on listened to."""
        one.listen()
        more = () if one.absent is None else (one.absent.send(),)
        named = self._task.options(name=one.errand.name, **self._how)
        self._going[named.remote(one.errand, self._dataset, *more)] = one

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
                one.halt()
                if not one.begun:
                    self._ray.cancel(task)
        patience = _PATIENCE if self._via is None else _PATIENCE + _TO_PUT
        return time.monotonic() - self._asked > patience
