"""Losses that are not numbers and memory that runs out: a job goes on, or says what may help."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bakeoff.spec.errors import TrainingError
from bakeoff.spec.training import (
    SGD,
    Constant,
)
from bakeoff.training import engine
from bakeoff.training.engine import train
from bakeoff.training.events import Checkpointed, Finished, Noted, Stepped
from bakeoff.training.leg import Leg
from tests.training.jobs import (
    end,
    events,
    job,
    of,
    small,
    stage,
    stopped_after,
)


def breaking(monkeypatch: pytest.MonkeyPatch, at: Callable[[int], bool]) -> None:
    """The loss of each step with a number (of steps tried) that `at` says is not a number."""
    step, tried = Leg.step, count()

    def broken(self: Leg, factor: float) -> tuple[Tensor, int]:
        loss, pictures = step(self, factor)
        return (loss * float("nan") if at(next(tried)) else loss), pictures

    monkeypatch.setattr(Leg, "step", broken)


def test_a_loss_that_is_not_a_number_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job goes back to the end of the last good epoch, at half the rate, and says so."""
    monkeypatch.setattr(engine, "_BETWEEN", 0.0)
    breaking(monkeypatch, lambda tried: tried in (4, 6))
    found = events(job(stage(epochs=3, schedule=Constant())))
    texts = [note.text for note in of(Noted, found)]
    assert texts == [
        "The loss became nan; back to step 3 at half the rate (try 1 of 3).",
        "The loss became nan; back to step 3 at half the rate (try 2 of 3).",
    ]
    assert all(note.exact for note in of(Noted, found))
    rates = [event.rate for event in of(Stepped, found)]
    assert rates == [1, 1, 1, 1, 0.5, *[0.25] * 6]
    assert of(Finished, found)[0].steps == 9


def test_a_job_that_keeps_breaking_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After three tries in one stage the user is told what may help."""
    breaking(monkeypatch, lambda tried: tried >= 3)
    made, notes = job(), []
    with pytest.raises(TrainingError) as caught:
        for event in train(made):
            notes += [event] if isinstance(event, Noted) else []
    assert len(notes) == 3
    assert str(caught.value) == (
        "stage 1 diverged: its loss is nan, also at an 8th of the rate. Lower the rate, clip the "
        "gradient (Stage.clip), or train in fp32."
    )


@pytest.mark.parametrize("average", [None, 0.9])
def test_weights_that_break_behind_a_good_loss(
    monkeypatch: pytest.MonkeyPatch, average: float | None
) -> None:
    """The last step of an epoch may ruin the weights: such a state is never gone back to."""
    step, tried = Leg.step, count()

    def broken(self: Leg, factor: float) -> tuple[Tensor, int]:
        found = step(self, factor)
        if next(tried) == 2:
            next(self.classifier.head.parameters()).data.fill_(float("inf"))
        return found

    monkeypatch.setattr(Leg, "step", broken)
    found = events(job(stage(average=average)))
    assert [note.text for note in of(Noted, found)] == [
        "The loss became nan; back to step 0 at half the rate (try 1 of 3)."
    ]
    for one in of(Checkpointed, found):
        held = one.state.tensors["weights"].values()
        assert all(bool(tensor.isfinite().all()) for tensor in held)


def test_a_divergent_rate_ends_in_words() -> None:
    """A rate far too high for anything is recognised without any help."""
    with pytest.raises(TrainingError, match="stage 1 diverged"):
        events(job(stage(optimiser=SGD(rate=1e30), schedule=Constant()), network=small()))


def test_going_back_within_an_epoch_is_not_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped job can only go back to where it was stopped, and says that this is not what an
    unbroken one would have done."""
    state = stopped_after(4, job(stage(epochs=3)), tmp_path, monkeypatch, None)
    breaking(monkeypatch, lambda tried: tried == 0)
    (note,) = of(Noted, events(job(stage(epochs=3)), state))
    assert "back to step 4" in note.text
    assert not note.exact


def crowded(monkeypatch: pytest.MonkeyPatch, room: int) -> list[int]:
    """A device with room for so many pictures; how many each try wanted to train on."""
    seen: list[int] = []
    forward = Leg.forward

    def tight(self: Leg, images: Tensor) -> Tensor:
        if self.classifier.training:
            seen.append(len(images))
            if len(images) > room:
                raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8")
        return forward(self, images)

    monkeypatch.setattr(Leg, "forward", tight)
    return seen


def test_memory_that_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller pieces whose gradients add up to the same step, and a note that it is not exact."""
    free = end(job(network=small()))
    seen = crowded(monkeypatch, 5)
    made = job(network=small())
    found = events(made)
    assert [note.text for note in of(Noted, found)] == [
        f"Memory ran out, so batches of 16 now go through the network in pieces of {size}; their "
        "gradients add up to the same step."
        for size in (8, 4)
    ]
    assert not any(note.exact for note in of(Noted, found))
    assert seen == [16, 8, *[4] * 24]
    for name, tensor in made.classifier.state_dict().items():
        torch.testing.assert_close(tensor, free[0][name], rtol=1e-4, atol=1e-6)


def test_memory_that_is_never_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """When not even two pictures fit, the user is told."""
    crowded(monkeypatch, 1)
    with pytest.raises(TrainingError) as caught:
        events(job())
    assert str(caught.value) == (
        "Stage.batch is too large for the memory of cpu, but is 16. Take a smaller batch, smaller "
        "pictures (--size) or a smaller network."
    )


def test_pieces_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that goes on does not try again what did not fit."""
    with monkeypatch.context() as patch:
        crowded(patch, 5)
        state = stopped_after(2, job(), tmp_path, patch, None)
    seen = crowded(monkeypatch, 5)
    events(job(), state)
    assert set(seen) == {4}


def test_other_errors_are_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours is not retried with smaller pieces."""

    def fail(self: Leg, images: Tensor) -> Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Leg, "forward", fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        events(job())
