"""The engine as a whole: exact, hard to kill, honest about what went wrong."""

from __future__ import annotations

import ast
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bakeoff.data.batches import Batches
from bakeoff.models.classifier import Classifier
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment
from bakeoff.spec.network import Network, Whiten
from bakeoff.spec.training import (
    SGD,
    Adam,
    Constant,
    Plateau,
    Schedule,
    Stage,
)
from bakeoff.training import engine, feeding
from bakeoff.training.engine import train
from bakeoff.training.events import Evaluated, Finished, Noted, Stepped
from bakeoff.training.feeding import Job, checked
from bakeoff.training.judge import Judge
from bakeoff.training.leg import Leg
from bakeoff.training.material import Material
from tests.training.jobs import (
    TINY,
    backbone,
    end,
    events,
    job,
    material,
    of,
    same,
    stage,
    stopped_after,
)

MODULES = (
    "engine",
    "leg",
    "judge",
    "material",
    "pace",
    "events",
    "feeding",
    "schedules",
    "finder",
    "capacity",
)
"""What a job is done by."""


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
    for name in MODULES:
        tree = ast.parse((folder / f"{name}.py").read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
            alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names
        }
        assert not names & {"print", "open", "Path"}, name
        assert not modules & {"pathlib", "os", "sys", "logging"}, name


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


def test_a_whitenings_bias_comes_to_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its share of all training, over the stages together, and stays where it is, whatever
    else is averaged or pulled."""
    monkeypatch.setattr(engine, "_BETWEEN", 0.0)
    rows = (Whiten(learns=0.5), *TINY[1:])
    stages = (stage(epochs=1), stage(epochs=3, lookahead=2, optimiser=Adam(weight_decay=0.1)))
    made = job(*stages, network=Network(rows=rows))
    bias = made.classifier.get_parameter("head.whiten1.bias")
    seen = [bias.detach().clone().numpy() for event in train(made) if isinstance(event, Stepped)]
    moved = [not np.array_equal(*pair) for pair in pairwise(seen)]
    assert moved == [True] * 5 + [False] * 6


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
