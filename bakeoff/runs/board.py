"""The state of a bake-off while it runs: who runs, how far, how good so far, how long yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bakeoff.runs.lineup import Lineup
from bakeoff.training.events import Evaluated, Event, Stepped

__all__ = ["Board", "Doing", "Entered", "Happening", "Leg", "Row", "RunBegan", "RunEnded", "Told"]

Status = Literal["waiting", "running", "finished", "crashed", "stopped", "unfinished"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entered:
    """The line-up is known."""

    lineup: Lineup
    seeds: int
    seconds: float | None
    """For everything."""

    spent: float
    """Of them, so far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunBegan:
    """A run begins, or goes on."""

    contender: str
    seed: int
    share: float | None
    """Seconds that it is given."""

    resumed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A run says something."""

    contender: str
    seed: int
    event: Event
    place: float
    """Share of the run that is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnded:
    """A run is over, or will not be begun."""

    contender: str
    seed: int
    status: Status
    validation: float | None
    seconds: float
    reason: str | None = None
    remembered: bool = False
    """Whether it ended in an earlier life of the bake-off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Doing:
    """Something else is done: measuring, the test part, the report."""

    text: str


Happening = Entered | RunBegan | Told | RunEnded | Doing


@dataclass(kw_only=True)
class Leg:
    """One seed of a contender."""

    status: Status = "waiting"
    place: float = 0.0
    accuracy: float | None = None
    """On validation, the last look or the result."""

    seconds: float = 0.0
    began: float = 0.0


@dataclass(kw_only=True)
class Row:
    """One contender."""

    name: str
    expected: float
    legs: list[Leg]
    reason: str | None = None

    @property
    def status(self) -> Status:
        """Of the contender as a whole."""
        found = {leg.status for leg in self.legs}
        order: tuple[Status, ...] = ("running", "waiting", "crashed", "stopped", "unfinished")
        return next((status for status in order if status in found), "finished")

    @property
    def accuracy(self) -> float | None:
        """Mean over the seeds that ended well; before the first has, the last look."""
        known = [(leg.status, leg.accuracy) for leg in self.legs if leg.accuracy is not None]
        done = [accuracy for status, accuracy in known if status == "finished"]
        if not done:
            done = [accuracy for _, accuracy in known[-1:]]
        return sum(done) / len(done) if done else None

    @property
    def seconds(self) -> float:
        """Spent on it."""
        return sum(leg.seconds for leg in self.legs)


@dataclass(kw_only=True)
class Board:
    """All contenders; told what happens."""

    now: Callable[[], float] = time.monotonic
    rows: dict[str, Row] = field(default_factory=dict)
    doing: str = ""
    _ends: float | None = None

    def told(self, happening: Happening) -> None:
        """Take in what happened."""
        match happening:
            case Entered():
                self._entered(happening)
            case RunBegan():
                leg = self._leg(happening)
                leg.status, leg.began, self.doing = "running", self.now(), ""
            case Told():
                self._heard(self._leg(happening), happening)
            case RunEnded():
                leg = self._leg(happening)
                leg.status, leg.seconds = happening.status, happening.seconds
                leg.accuracy = happening.validation
                leg.place = 1.0 if happening.status == "finished" else leg.place
                row = self.rows[happening.contender]
                row.reason = happening.reason or row.reason
            case Doing():
                self.doing = happening.text

    def left(self) -> float | None:
        """Seconds until all is over, about."""
        if self._ends is not None:
            return max(0.0, self._ends - self.now())
        if not self.rows:
            return None
        return sum(self._rest(row) for row in self.rows.values())

    def _entered(self, happening: Entered) -> None:
        self.rows = {
            one.name: Row(
                name=one.name,
                expected=one.expected.seconds,
                legs=[Leg() for _ in range(happening.seeds)],
            )
            for one in happening.lineup.contenders
        }
        if happening.seconds is not None:
            self._ends = self.now() + happening.seconds - happening.spent

    def _heard(self, leg: Leg, happening: Told) -> None:
        leg.place, leg.seconds = happening.place, self.now() - leg.began
        if isinstance(happening.event, Evaluated):
            leg.accuracy = happening.event.accuracy
        elif isinstance(happening.event, Stepped):
            self.doing = ""

    def _rest(self, row: Row) -> float:
        done = [leg.seconds for leg in row.legs if leg.status == "finished"]
        each = sum(done) / len(done) if done else row.expected * self._slowness()
        rest = 0.0
        for leg in row.legs:
            if leg.status == "waiting":
                rest += each
            elif leg.status == "running" and leg.place > 0.02:
                rest += leg.seconds * (1 - leg.place) / leg.place
            elif leg.status == "running":
                rest += each
        return rest

    def _slowness(self) -> float:
        """How long runs took against what was expected of them."""
        legs = [(row.expected, leg) for row in self.rows.values() for leg in row.legs]
        took = [(expected, leg.seconds) for expected, leg in legs if leg.status == "finished"]
        expected = sum(one for one, _ in took)
        return sum(seconds for _, seconds in took) / expected if expected else 1.0

    def _leg(self, happening: RunBegan | Told | RunEnded) -> Leg:
        return self.rows[happening.contender].legs[happening.seed]
