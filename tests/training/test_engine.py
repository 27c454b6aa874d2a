"""The engine as a whole: exact, hard to kill, honest about what went wrong."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bakeoff.data.batches import Batches
from bakeoff.models.classifier import Classifier
from bakeoff.spec.errors import SpecError, TrainingError
from bakeoff.spec.image import Augment
from bakeoff.spec.network import Network
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
from bakeoff.training import engine, feeding
from bakeoff.training.engine import train
from bakeoff.training.events import Checkpointed, Evaluated, Event, Finished, Noted, Stepped
from bakeoff.training.feeding import Job, checked
from bakeoff.training.judge import Judge
from bakeoff.training.leg import Leg
from bakeoff.training.material import Material
from tests.training.jobs import (
    DEVICE,
    TINY,
    backbone,
    end,
    events,
    goes_on,
    job,
    material,
    of,
    same,
    small,
    stage,
    stopped_after,
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
]


def combined(number: int) -> tuple[Stage, Augment]:
    """Every optimiser with every schedule; all else takes turns, at odds with both."""
    made = {"optimiser": OPTIMISERS[number % 5], "schedule": SCHEDULES[number % 6]}
    extra = EXTRAS[number % 7]
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


TUNED = (
    stage(train="head", epochs=3, average=0.8, augment=Augment(flip="random")),
    stage(train=1, epochs=1, layer_decay=0.5, schedule=Constant(), batch=12),
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


def test_the_seed_decides() -> None:
    """The same seed gives the same bits; another one other weights and other predictions."""
    first, again, other = (end(job(seed=seed)) for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)
    assert not np.array_equal(first[1].probabilities, other[1].probabilities)


def test_stages_draw_their_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second stage does not repeat the order of the first."""
    seen: list[list[int]] = []
    step = Leg._gradients

    def watched(self: Leg, batch: Any) -> Tensor:
        seen.append(batch.indices.tolist())
        return step(self, batch)

    monkeypatch.setattr(Leg, "_gradients", watched)
    events(job(stage(epochs=1), stage(epochs=1)))
    assert len(seen) == 6
    assert seen[:3] != seen[3:]
    assert sorted(np.concatenate(seen[:3])) == list(range(48))


def test_what_is_said(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint before the first step, steps, a look and a checkpoint at the end of each epoch,
    and what came out of it at the end; nothing is printed."""
    monkeypatch.setattr(engine, "_BETWEEN", 1e9)
    found = events(job(stage(epochs=2.5)))
    kinds = [type(event).__name__ for event in found]
    epoch = ["Stepped", "Evaluated", "Checkpointed"]
    # The first step is told alone: it is what the pace is first measured by.
    assert kinds == ["Checkpointed", "Stepped", *epoch, *epoch, *epoch, "Finished"]
    stepped, looks = of(Stepped, found), of(Evaluated, found)
    assert [event.step for event in stepped] == [1, 3, 6, 8]
    assert [event.pictures for event in stepped] == [16, 32, 48, 32]
    assert [event.place for event in stepped] == [1 / 8, 3 / 8, 6 / 8, 1.0]
    assert [event.epoch for event in looks] == [1, 2, pytest.approx(8 / 3)]
    whole = (stepped[0].loss * 16 + stepped[1].loss * 32) / 48
    assert looks[0].train_loss == pytest.approx(whole)
    finished = found[-1]
    assert isinstance(finished, Finished)
    assert finished.steps == 8
    assert finished.losses == tuple(look.train_loss for look in looks)
    assert np.array_equal(finished.probabilities, looks[-1].probabilities)
    np.testing.assert_allclose(finished.probabilities.sum(1), 1, atol=1e-5)
    assert capfd.readouterr() == ("", "")


def test_the_engine_knows_no_test_part_and_no_paths() -> None:
    """There are two parts in what it is given, and no module that it is made of names a path, the
    run's directory, or prints."""
    assert {field.name for field in fields(Material)} == {
        "pictures",
        "labels",
        "train",
        "val",
        "classes",
        "digest",
    }
    with pytest.raises(KeyError):
        material().plain("test", batch=1, device=torch.device("cpu"))
    folder = Path(engine.__file__).parent
    for name in ("engine", "leg", "judge", "material", "pace", "events", "feeding", "schedules"):
        tree = ast.parse((folder / f"{name}.py").read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
            alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names
        }
        assert not names & {"print", "open", "Path"}, name
        assert not modules & {"pathlib", "os", "sys", "logging"}, name


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


def judged(monkeypatch: pytest.MonkeyPatch, accuracies: list[float]) -> None:
    """Validation of three equal classes that shows these accuracies in turn."""
    labels = material().labels[material().val]
    shown = iter(accuracies)

    def probabilities(self: Judge) -> Any:
        right = np.arange(len(labels)) < round(next(shown) * len(labels))
        made = np.full((len(labels), 3), 0.05, np.float32)
        made[np.arange(len(labels)), np.where(right, labels, (labels + 1) % 3)] = 0.9
        return made

    monkeypatch.setattr(Judge, "_probabilities", probabilities)


@pytest.mark.parametrize("schedule", [Constant(), Plateau()])
def test_the_best_epoch_is_kept(monkeypatch: pytest.MonkeyPatch, schedule: Schedule) -> None:
    """Where the rate does not come down, the weights of the best epoch are what comes out."""
    judged(monkeypatch, [0.3, 0.9, 0.5, 0.7])
    made = job(stage(epochs=4, schedule=schedule))
    weights, bests = [], []
    for event in train(made):
        if isinstance(event, Evaluated):
            weights.append({n: t.clone() for n, t in made.classifier.state_dict().items()})
            bests.append(event.best)
        if isinstance(event, Finished):
            assert (event.probabilities > 0.5).argmax(1).shape == (21,)
            correct = event.probabilities.argmax(1) == material().labels[material().val]
            assert correct.mean() == pytest.approx(0.9, abs=0.03)
    assert bests == [True, True, False, False]
    kept = made.classifier.state_dict()
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in kept.items())


def test_the_last_weights_are_kept_where_the_rate_comes_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To choose the best epoch there would be to choose by the noise of validation."""
    judged(monkeypatch, [0.3, 0.9, 0.5, 0.7])
    found = events(job(stage(epochs=4)))
    assert [look.best for look in of(Evaluated, found)] == [True] * 4
    correct = of(Finished, found)[0].probabilities.argmax(1) == material().labels[material().val]
    assert correct.mean() == pytest.approx(0.7, abs=0.03)


def test_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage ends after as many looks without improvement as it was given."""
    judged(monkeypatch, [0.3, 0.9, 0.5, 0.7, 0.95, 0.95])
    found = events(job(stage(epochs=9, patience=2)))
    assert [look.epoch for look in of(Evaluated, found)] == [1, 2, 3, 4]
    assert of(Finished, found)[0].steps == 12


def test_a_plateau_lowers_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate is cut whenever validation has not improved for a while."""
    judged(monkeypatch, [0.9, 0.5, 0.5, 0.5, 0.5])
    found = events(job(stage(epochs=5, schedule=Plateau(factor=0.5, patience=2))))
    rates = {round(event.epoch + 0.4): event.rate for event in of(Stepped, found)}
    assert rates == {1: 1, 2: 1, 3: 1, 4: 0.5, 5: 0.5}


def test_the_best_epoch_survives_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was best before the stop is still what comes out, with its predictions."""
    settings = {"epochs": 4, "schedule": Constant(), "optimiser": SGD(rate=2.0), "patience": 9}

    def made() -> Job:
        return job(stage(**settings))

    whole = events(made())
    looks = of(Evaluated, whole)
    best = max(place for place, look in enumerate(looks) if look.best)
    assert best < 3, "choose another rate: the last epoch is the best"
    state = stopped_after(3 * best + 5, made(), tmp_path, monkeypatch, None)
    rest = events(made(), state)
    expected = of(Finished, whole)[0].probabilities
    assert np.array_equal(of(Finished, rest)[0].probabilities, expected)
    assert np.array_equal(expected, looks[best].probabilities)


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


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (
            (stage(), stage(train=9)),
            "Stage.train must be at most ",
        ),
        (
            (stage(train="head", augment=Augment(mixup=0.2)),),
            "Recipe.stages[0].augment must not mix pictures where only the head is trained. Its "
            "features are computed once per picture: mix in a stage that trains more, and give "
            "this one an augmentation of its own.",
        ),
    ],
)
def test_jobs_that_cannot_be(stages: tuple[Stage, ...], message: str) -> None:
    """What a late stage cannot do is said before the first begins."""
    with pytest.raises(SpecError) as caught:
        checked(job(*stages, network=backbone()))
    assert str(caught.value).startswith(message)
    fine = job()
    assert checked(fine) is fine


def test_frozen_weights_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head's training leaves the backbone as it was, statistics and all, and runs it once."""
    runs: list[int] = []
    features = Classifier.features

    def counting(self: Classifier, pictures: Tensor) -> Tensor:
        runs.append(len(pictures))
        return features(self, pictures)

    monkeypatch.setattr(Classifier, "features", counting)
    made = job(stage(train="head", epochs=5), network=backbone())
    before = {name: held.clone() for name, held in made.classifier.state_dict().items()}
    found = events(made)
    moved = {
        name
        for name, held in made.classifier.state_dict().items()
        if not torch.equal(held, before[name])
    }
    assert moved == {"head.classes2.weight", "head.classes2.bias"}
    once = sum(runs)
    assert once <= 2 * (48 + 21) + 4 * 48, "the proof of the way runs a sample twice"
    assert of(Noted, found)[0].text == "Features by torch fp32."
    events(job(stage(train="head", epochs=9), network=backbone()))
    assert sum(runs) == once, "the second job finds them"


def test_features_depend_on_how_pictures_are_prepared() -> None:
    """Two classifiers that normalise differently do not share features."""
    digests = set()
    for factor in (1.0, 2.0):
        made = job(stage(train="head"), network=backbone())
        made.classifier.factor *= factor
        digests.add(feeding.extracted(made, "train", Augment(), 0).digest)
    assert len(digests) == 2


def test_evaluation_takes_small_pieces_where_training_does() -> None:
    """What is evaluated at once is bounded by what is trained at once."""
    sizes = {}
    for batch in (8, 300, 4000):
        val = feeding.fed(job(stage(batch=batch)), 0).val
        assert isinstance(val, Batches)
        sizes[batch] = val.batch
    assert sizes == {8: 21, 300: 21, 4000: 21}
    many = material(train=800, val=900, classes=10)
    networks = Network(rows=TINY)
    for batch, wanted in ((8, 64), (300, 300), (4000, 500)):
        made = job(stage(batch=batch), material=many, network=networks)
        val = feeding.fed(made, 0).val
        assert isinstance(val, Batches)
        assert val.batch == wanted
