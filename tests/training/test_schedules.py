"""Schedules go through known points, without jumps, to where they say."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from bakeoff.spec.training import (
    Constant,
    Cosine,
    Linear,
    OneCycle,
    Plateau,
    Schedule,
    Steps,
)
from bakeoff.training.schedules import Patience, factor, place

SMOOTH: list[Schedule] = [
    Constant(),
    Constant(warmup=0.1),
    Linear(),
    Linear(warmup=0.2, end=0.1),
    Cosine(),
    Cosine(warmup=0.05, end=0.01),
    OneCycle(),
    OneCycle(warmup=0.0),
    OneCycle(warmup=1.0, start=0.5),
    Plateau(warmup=0.25),
]


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (Constant(), {0: 1, 0.5: 1, 1: 1}),
        (Constant(warmup=0.2), {0: 0, 0.1: 0.5, 0.2: 1, 1: 1}),
        (Linear(), {0: 1, 0.25: 0.75, 1: 0}),
        (Linear(warmup=0.5, end=0.2), {0: 0, 0.25: 0.5, 0.5: 1, 0.75: 0.6, 1: 0.2}),
        (Cosine(), {0: 1, 0.5: 0.5, 1 / 3: 0.75, 1: 0}),
        (Cosine(end=0.2), {0: 1, 0.5: 0.6, 1: 0.2}),
        (OneCycle(warmup=0.4, start=0.1), {0: 0.1, 0.2: 0.55, 0.4: 1, 0.7: 0.5, 1: 0}),
        (Steps(), {0: 1, 0.49: 1, 0.5: 0.1, 0.74: 0.1, 0.75: 0.01, 1: 0.01}),
        (Steps(at=(0.1,), factor=0.5, warmup=0.2), {0.05: 0.25, 0.1: 0.25, 0.2: 0.5, 1: 0.5}),
        (Plateau(warmup=0.1), {0: 0, 0.05: 0.5, 0.1: 1, 1: 1}),
    ],
)
def test_known_points(schedule: Schedule, points: dict[float, float]) -> None:
    """Each schedule is what its declaration says at places that can be worked out by hand."""
    for at, value in points.items():
        assert factor(schedule, at) == pytest.approx(value, abs=1e-12), at


@pytest.mark.parametrize("schedule", SMOOTH)
def test_no_jumps(schedule: Schedule) -> None:
    """But for steps, neighbouring places have neighbouring factors, none outside 0 to 1."""
    values = [factor(schedule, i / 5000) for i in range(5001)]
    assert max(abs(a - b) for a, b in pairwise(values)) < 0.01
    assert min(values) >= 0
    assert max(values) <= 1
    assert max(values) > 0.999


def test_places_are_the_middles_of_steps() -> None:
    """No step is at a rate of zero, and the mean over the steps is that over the line."""
    places = [place(step, 8) for step in range(8)]
    assert places[0] == 1 / 16
    assert places[-1] == 15 / 16
    assert sum(factor(Linear(), at) for at in places) / 8 == 0.5
    assert factor(Constant(warmup=0.5), place(0, 2)) > 0


def test_plateau_cuts_after_its_patience() -> None:
    """The rate is cut once the value has not fallen for as many epochs as patience says."""
    schedule = Plateau(factor=0.5, patience=2)
    seen = Patience()
    found = []
    for value in [3.0, 2.0, 2.0, 2.5, 1.0, math.nan, 1.0, 1.0, 0.9]:
        seen = seen.seen(value, schedule.patience)
        found.append(seen.factor(schedule))
    assert found == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert seen == Patience(best=0.9, waited=0, cuts=2)


def test_patience_of_one_and_a_first_value_that_is_no_number() -> None:
    """With patience 1 each value that is no lower counts; NaN is never the best."""
    seen = Patience().seen(math.nan, 1)
    assert seen == Patience(best=None, cuts=1)
    assert seen.seen(5.0, 1) == Patience(best=5.0, cuts=1)
    assert seen.factor(Cosine()) == 1.0
