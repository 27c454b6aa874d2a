"""A batch that fits, found by trying."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bakeoff.training import chance
from bakeoff.training.capacity import Capacity, find_batch
from bakeoff.training.leg import Leg
from tests.training.jobs import job, stage

WHY = "No more are asked for."


def tried(found: Capacity) -> list[int]:
    """The sizes, in order."""
    return [one.size for one in found.tried]


class Clock:
    """Stands still but while steps are made."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], float], int], Clock]:
    """Has a step of so many pictures take so long, and fail beyond some."""

    def made(seconds: Callable[[int], float], room: int) -> Clock:
        clock, step, forward = Clock(), Leg.step, Leg.forward

        def stepped(self: Leg, factor: float) -> tuple[Tensor, int]:
            clock.time += seconds(self.stage.batch)
            return step(self, factor)

        def tight(self: Leg, images: Tensor) -> Tensor:
            if len(images) > room:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(self, images)

        monkeypatch.setattr(Leg, "step", stepped)
        monkeypatch.setattr(Leg, "forward", tight)
        return clock

    return made


Made = Callable[[Callable[[int], float], int], Clock]


def test_doubled_while_it_pays(clock: Made) -> None:
    """A step with a part that does not grow is worth making larger, to the most that is asked."""
    now = clock(lambda size: 1 + size / 100, 10**9)
    found = find_batch(job(stage(batch=2), now=now), 0, most=20, why=WHY)
    assert tried(found) == [2, 4, 8, 16]
    assert (found.declared, found.found, found.reason) == (2, 16, WHY)
    assert [one.speed for one in found.tried] == [
        pytest.approx(size / (1 + size / 100)) for size in (2, 4, 8, 16)
    ]


def test_no_larger_than_is_faster(clock: Made) -> None:
    """Where time goes with the pictures, the declared batch stays."""
    found = find_batch(job(stage(batch=4), now=clock(float, 10**9)), 0, most=48, why=WHY)
    assert (tried(found), found.found) == ([4, 8], 4)
    assert found.reason == "8 would not be faster."


def test_no_larger_than_fits(clock: Made) -> None:
    """What does not fit ends the search, upwards as downwards."""
    up = find_batch(job(stage(batch=4), now=clock(lambda _: 1.0, 20)), 0, most=48, why=WHY)
    assert (tried(up), up.found, up.reason) == ([4, 8, 16, 32], 16, "32 do not fit.")
    assert up.tried[-1].speed is None
    down = find_batch(job(stage(batch=40), now=clock(lambda _: 1.0, 20)), 0, most=48, why=WHY)
    assert (tried(down), down.found, down.reason) == ([40, 20], 20, "40 do not fit.")
    never = find_batch(job(stage(batch=8), now=clock(lambda _: 1.0, 1)), 0, most=48, why=WHY)
    assert (tried(never), never.found) == ([8, 4, 2], None)
    assert never.reason == "Not even two pictures fit into memory."


def test_the_declared_batch_may_be_too_much(clock: Made) -> None:
    """A limit below it is kept."""
    now = clock(lambda _: 1.0, 10**9)
    found = find_batch(job(stage(batch=40), now=now), 0, most=10, why=WHY)
    assert (tried(found), found.found, found.reason) == ([10], 10, WHY)


def test_nothing_is_touched() -> None:
    """Weights and random numbers are as before; on a real clock something is found."""
    ticks = itertools.count()
    made = job(stage(batch=4), now=lambda: float(next(ticks)))
    before = {name: held.clone() for name, held in made.classifier.state_dict().items()}
    chance.seed(5)
    found = find_batch(made, 0, most=16, why=WHY)
    drawn = torch.rand(3)
    chance.seed(5)
    assert torch.equal(torch.rand(3), drawn)
    assert found.found == 16
    assert all(one.memory is None for one in found.tried)
    after = made.classifier.state_dict()
    assert all(torch.equal(held, before[name]) for name, held in after.items())


def test_other_errors_are_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours does not look like a full memory."""

    def fail(self: Leg, images: Tensor) -> Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Leg, "forward", fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        find_batch(job(stage()), 0, most=16, why=WHY)
