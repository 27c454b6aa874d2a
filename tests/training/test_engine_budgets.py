"""Jobs that are given a time end in it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from bakeoff.training.engine import train
from bakeoff.training.events import Finished, Stepped
from bakeoff.training.judge import Judge
from bakeoff.training.leg import Leg
from tests.training.jobs import (
    backbone,
    events,
    job,
    of,
    small,
    stage,
    stopped_after,
)


class Clock:
    """Time that passes only where a test says."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def costing(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, step: Callable[[int], float], look: float
) -> None:
    """Each step and each look take so long."""
    real, counted, looks = Leg.step, count(), Judge._probabilities

    def stepped(self: Leg, factor: float) -> tuple[Tensor, int]:
        clock.time += step(next(counted))
        return real(self, factor)

    def looked(self: Judge) -> Any:
        clock.time += look
        return looks(self)

    monkeypatch.setattr(Leg, "step", stepped)
    monkeypatch.setattr(Judge, "_probabilities", looked)


@pytest.mark.parametrize(
    "step",
    [
        lambda number: 0.2,
        lambda number: 3.0 if number == 0 else 0.1,
        lambda number: 0.1 if number < 100 else 0.4,
        lambda number: 0.4 if number < 30 else 0.1,
    ],
    ids=["steady", "a slow first step", "slower later", "faster later"],
)
@pytest.mark.parametrize("look", [0.05, 1.0])
def test_a_budget_in_seconds_is_kept(
    monkeypatch: pytest.MonkeyPatch, step: Callable[[int], float], look: float
) -> None:
    """Whatever a step costs, a job ends within 2 % of its time, with the schedule at its end."""
    clock = Clock()
    costing(monkeypatch, clock, step, look)
    stages = (stage(epochs=1), stage(epochs=3, average=0.9))
    found = events(job(*stages, seconds=60.0, now=clock, network=small()))
    finished = of(Finished, found)[0]
    assert finished.seconds == clock.time - 100 == pytest.approx(60, rel=0.02)
    ends = [event for event in of(Stepped, found) if event.place == 1]
    assert [event.stage for event in ends] == [0, 1]
    assert all(event.rate < 0.05 for event in ends)


@pytest.mark.parametrize("look", [0.05, 1.0])
def test_looks_that_follow_are_within_the_budget(
    monkeypatch: pytest.MonkeyPatch, look: float
) -> None:
    """Training ends early enough for as many more looks at validation as were announced."""
    clock = Clock()
    costing(monkeypatch, clock, lambda number: 0.2, look)
    stages = (stage(epochs=1), stage(epochs=3))
    made = job(*stages, seconds=60.0, looks_after=6.0, now=clock, network=small())
    finished = of(Finished, events(made))[0]
    assert finished.seconds + 6 * look == pytest.approx(60, rel=0.02)


def test_time_is_shared_as_epochs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages take parts of the time in proportion to the epochs they declare."""
    clock = Clock()
    costing(monkeypatch, clock, lambda number: 0.1, 0.1)
    ended: dict[int, float] = {}
    for event in train(job(stage(epochs=1), stage(epochs=3), seconds=40.0, now=clock)):
        if isinstance(event, Stepped):
            ended[event.stage] = clock.time - 100
    assert ended[0] == pytest.approx(10, abs=0.6)
    assert ended[1] == pytest.approx(40, abs=0.6)


def test_smaller_pictures_take_less_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage on half as large pictures is given a quarter of the time for as many epochs."""
    clock = Clock()
    costing(monkeypatch, clock, lambda number: 0.1, 0.1)
    ended: dict[int, float] = {}
    for event in train(job(stage(epochs=4, size=4), stage(epochs=3), seconds=40.0, now=clock)):
        if isinstance(event, Stepped):
            ended[event.stage] = clock.time - 100
    assert ended[0] == pytest.approx(10, abs=0.6)
    assert ended[1] == pytest.approx(40, abs=0.6)


def test_a_budget_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that was used before a stop counts; time in between does not."""
    clock = Clock()
    costing(monkeypatch, clock, lambda number: 0.1, 0.1)
    limited: dict[str, Any] = {"seconds": 20.0, "now": clock}
    state = stopped_after(60, job(**limited), tmp_path, monkeypatch, None)
    used = clock.time - 100
    assert 6 <= used <= 9
    clock.time += 1000
    finished = of(Finished, events(job(**limited), state))[0]
    assert finished.seconds == pytest.approx(20, rel=0.03)


def test_features_do_not_fill_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head on computed features takes the epochs it was given, however much time there is; what
    it leaves over is the next stage's."""
    clock = Clock()
    costing(monkeypatch, clock, lambda number: 0.1, 0.01)
    stages = (stage(train="head", epochs=2), stage(epochs=2))
    found = events(job(*stages, seconds=6.0, now=clock, network=backbone()))
    heads = [event for event in of(Stepped, found) if event.stage == 0]
    assert heads[-1].epoch == 2
    assert of(Finished, found)[0].seconds == pytest.approx(6, abs=0.3)
