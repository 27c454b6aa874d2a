"""Stopped anywhere, a job goes on as if it had not been."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bakeoff.spec.image import Augment
from bakeoff.spec.network import Network, Whiten
from bakeoff.spec.training import (
    SGD,
    Adam,
    AdamW,
    Constant,
    Cosine,
    Linear,
    Muon,
    OneCycle,
    Optimiser,
    Plateau,
    RMSProp,
    Schedule,
    Stage,
    Steps,
)
from bakeoff.training.engine import train
from bakeoff.training.events import Checkpointed, Evaluated, Event, Finished, Stepped
from bakeoff.training.feeding import Job
from tests.training.jobs import (
    DEVICE,
    TINY,
    backbone,
    end,
    events,
    goes_on,
    job,
    of,
    same,
    stage,
)

OPTIMISERS: list[Optimiser] = [
    SGD(rate=0.1),
    Adam(rate=0.01),
    AdamW(rate=0.01),
    RMSProp(rate=0.01, momentum=0.5),
    Muon(renormalise=True),
]


SCHEDULES: list[Schedule] = [
    Constant(),
    Steps(at=(0.3, 0.6)),
    Cosine(warmup=0.2),
    OneCycle(),
    Linear(),
    Plateau(patience=1),
]


CHANGES: list[Augment] = [
    Augment(),
    Augment(flip="random", crop=1),
    Augment(flip="alternate"),
    Augment(rotation=10, zoom=0.1, shift=0.1, shear=5),
    Augment(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
    Augment(trivial=True),
    Augment(cutout=2),
    Augment(mixup=0.4),
    Augment(cutmix=1.0),
    Augment(mixup=0.4, cutmix=1.0),
]


EXTRAS: list[dict[str, Any]] = [
    {},
    {"average": 0.9},
    {"lookahead": 2},
    {"clip": 1.0, "label_smoothing": 0.1},
    {"average": 0.9, "lookahead": 3, "patience": 2},
    {"epochs": 1.5, "batch": 13},
    {"patience": 1},
    {"balance": "sampling", "size": 6},
    {"balance": "weights", "label_smoothing": 0.1},
]


def combined(number: int) -> tuple[Stage, Augment]:
    """Every optimiser with every schedule; all else takes turns, at odds with both."""
    made = {"optimiser": OPTIMISERS[number % 5], "schedule": SCHEDULES[number % 6]}
    extra = EXTRAS[number % 9]
    return stage(**made, **extra), CHANGES[(number // 3) % 10]


@pytest.mark.parametrize("number", range(30))
def test_a_stopped_job_ends_as_an_unbroken_one(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at random steps and gone on with from the disk, in another process's stead, a job
    ends with the same bits: weights, predictions, and all that was seen on the way. The unbroken
    one also does its steps in larger pieces."""
    only, change = combined(number)

    def made() -> Job:
        return job(only, augment=change, seed=number)

    whole = end(made())
    chance = random.Random(number)
    first = chance.randint(1, whole[1].steps - 2)
    second = chance.randint(1, whole[1].steps - first - 1)
    assert same(whole, goes_on(made, [first, second], tmp_path, monkeypatch))


@pytest.mark.parametrize("at", [[4], [8, 3], [13]])
def test_patience_goes_on_exactly(
    at: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was waited for before a stop is not waited for again: plateaus and early stopping."""
    only = stage(
        epochs=9, schedule=Plateau(factor=0.1, patience=1), optimiser=SGD(rate=0.5), patience=2
    )
    whole = end(job(only))
    assert 13 < whole[1].steps < 27, "it ends early, and not at once"
    assert same(whole, goes_on(lambda: job(only), at, tmp_path, monkeypatch))


def test_half_precision_goes_on_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As does a job in bf16, as processors that multiply it are used."""

    def made() -> Job:
        device = replace(DEVICE, dtype=torch.bfloat16)
        return job(stage(optimiser=Muon(), average=0.9), network=Network(rows=TINY), device=device)

    assert same(end(made()), goes_on(made, [4], tmp_path, monkeypatch))


@pytest.mark.parametrize("at", [[3], [4], [7], [10], [2, 6]])
def test_a_bias_that_comes_to_rest_goes_on_exactly(
    at: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Smaller pictures first, and a whitening whose bias rests after a third of all training:
    stopped before, at and after its rest, a job ends the same."""
    rows = (Whiten(learns=1 / 3), *TINY[1:])

    def made() -> Job:
        stages = (stage(epochs=2, size=6, lookahead=2), stage(epochs=2, average=0.8, clip=1.0))
        return job(*stages, network=Network(rows=rows))

    assert same(end(made()), goes_on(made, at, tmp_path, monkeypatch))


TUNED = (
    stage(train="head", epochs=3, average=0.8, augment=Augment(flip="random"), balance="sampling"),
    stage(train=1, epochs=1, layer_decay=0.5, schedule=Constant(), batch=12, size=24),
    stage(epochs=1, optimiser=AdamW(rate=1e-3), lookahead=2, layer_decay=0.7),
)


@pytest.mark.parametrize("at", [[2], [9], [11], [14], [1, 8, 4]])
def test_fine_tuning_goes_on_exactly(
    at: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Head first on features that were computed once, then its last block, then everything: in
    whichever stage a job is stopped, it ends the same."""

    def made() -> Job:
        return job(*TUNED, network=backbone(), augment=Augment(flip="random"))

    assert same(end(made()), goes_on(made, at, tmp_path, monkeypatch))


def test_a_job_that_was_over_is_over(tmp_path: Path) -> None:
    """The last checkpoint of all leads straight to the end."""
    made = job(stage(average=0.9))
    found = events(made)
    state = of(Checkpointed, found)[-1].state
    again = job(stage(average=0.9))
    rest = events(again, state)
    assert [type(event) for event in rest] == [Finished]
    assert np.array_equal(rest[0].probabilities, found[-1].probabilities)  # type: ignore[union-attr]


def test_stopping_between_stages() -> None:
    """Who asks at the end of a stage need not wait for the next one's features."""
    found: list[Event] = []

    def asked() -> bool:
        return any(look.epoch == 2 for look in of(Evaluated, found))

    for event in train(job(stage(), stage()), stop=asked):
        found += [event]
    assert {event.stage for event in found if isinstance(event, Stepped)} == {0}
    assert isinstance(found[-1], Checkpointed)


def test_checkpoints_within_an_epoch() -> None:
    """An epoch that takes long is saved in between, as often as the job says."""
    made = job(stage(epochs=1), save_every=0.0)
    states = [one.state.step for one in of(Checkpointed, events(made))]
    assert states == [0, 1, 3]
