"""Looks at validation, and what is remembered of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bakeoff.spec.training import Constant, Cosine, Plateau, Stage
from bakeoff.training.feeding import fed
from bakeoff.training.judge import Judge
from bakeoff.training.leg import Leg
from bakeoff.training.team import Team
from tests.training.jobs import DEVICE, job, material, stage

LABELS = material().labels[material().val]


def judge(only: Stage) -> Judge:
    """Who looks at one stage."""
    made = job(only)
    food = fed(made, 0)
    leg = Leg(made.classifier, only, food.train, device=DEVICE, team=Team(), on_features=False)
    return Judge(leg, 0, food.val, LABELS, team=Team())


def weights(made: Judge) -> dict[str, Tensor]:
    """A copy of them."""
    return {name: held.clone() for name, held in made.leg.classifier.state_dict().items()}


def test_a_look_is_what_the_classifier_says() -> None:
    """Probabilities in inference mode, in the part's order, with their loss and accuracy; the
    weights stay as they are."""
    made = judge(stage())
    made.leg.step(1)
    before = weights(made)
    seen = made.look()
    made.leg.classifier.eval()
    with torch.inference_mode():
        pictures = torch.from_numpy(material().pictures[material().val])
        scores = made.leg.classifier(pictures)
    wanted = torch.softmax(scores, 1)
    np.testing.assert_allclose(seen.probabilities, wanted.numpy(), rtol=1e-5, atol=1e-6)
    loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(LABELS))
    assert seen.loss == pytest.approx(float(loss), rel=1e-5)
    assert seen.accuracy == float((wanted.argmax(1).numpy() == LABELS).mean())
    assert all(torch.equal(held, before[name]) for name, held in weights(made).items())


def test_the_average_is_what_is_looked_at() -> None:
    """Where weights are averaged the average is judged and kept, and the others train on."""
    made = judge(stage(average=0.9))
    for _ in range(3):
        made.leg.step(1)
    own = weights(made)
    seen = made.look()
    assert all(torch.equal(held, own[name]) for name, held in weights(made).items())
    made.settle()
    kept = weights(made)
    assert any(not torch.equal(held, own[name]) for name, held in kept.items())
    made.leg.average = None
    assert np.array_equal(made.look().probabilities, seen.probabilities)
    assert np.array_equal(made.verdict(), seen.probabilities)


@pytest.mark.parametrize(("balance", "kept"), [("none", 0.3), ("weights", 0.5)])
def test_balanced_classes_count_the_same(
    monkeypatch: pytest.MonkeyPatch, balance: Any, kept: float
) -> None:
    """Where training balances classes, epochs are chosen by the mean of their accuracies: one that
    is right about every class beats one that is right about the largest."""
    only = stage(schedule=Constant(), balance=balance)
    made = judge(only)
    made.labels = np.array([0] * 18 + [1, 2, 2])
    largest = np.eye(3, dtype=np.float32)[np.zeros(21, int)]
    fair = np.eye(3, dtype=np.float32)[[0] * 9 + [1] * 10 + [2, 2]]
    shown = iter([largest, fair])
    monkeypatch.setattr(Judge, "_probabilities", lambda self: next(shown))
    weight = next(made.leg.classifier.head.parameters())
    for value in (0.3, 0.5):
        weight.data.fill_(value)
        seen = made.look()
    assert seen.accuracy == pytest.approx(12 / 21)
    made.settle()
    assert float(weight.detach().flatten()[0]) == pytest.approx(kept)


@pytest.mark.parametrize(
    ("only", "keeps"),
    [
        (stage(schedule=Cosine()), False),
        (stage(schedule=Cosine(), patience=3), True),
        (stage(schedule=Constant()), True),
        (stage(schedule=Plateau()), True),
    ],
)
def test_which_weights_are_kept(monkeypatch: pytest.MonkeyPatch, only: Stage, keeps: bool) -> None:
    """The best where the rate stays up or the stage may be cut short, else the last; a tie in
    accuracy is decided by the loss."""
    made = judge(only)
    shown: list[Any] = []
    for accuracy, sure in ((0.5, 0.6), (0.5, 0.5), (0.4, 0.9)):
        right = np.arange(len(LABELS)) < round(accuracy * len(LABELS))
        table = np.full((len(LABELS), 3), 0.01, np.float32)
        table[np.arange(len(LABELS)), np.where(right, LABELS, (LABELS + 1) % 3)] = sure
        shown.append(table)
    monkeypatch.setattr(made, "_probabilities", iter(shown).__next__)
    held, bests = [], []
    for _ in shown:
        made.leg.step(1)
        held.append(weights(made))
        bests.append(made.look().best)
    assert bests == ([True, False, False] if keeps else [True] * 3)
    made.settle()
    wanted = held[0 if keeps else 2]
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in weights(made).items())
    assert np.array_equal(made.verdict(), shown[0 if keeps else 2])


def test_memory_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was best, and how long since, is the same after a restart; what it predicted is
    predicted again."""
    only = stage(schedule=Plateau(patience=2), patience=3)
    made, again = judge(only), judge(only)
    for _ in range(2):
        made.leg.step(1)
        made.look()
    again.load(made.tensors(), made.scalars())
    assert again.scalars() == made.scalars()
    assert again.tensors().keys() == made.tensors().keys()
    for one in (made, again):
        one.settle()
    assert np.array_equal(made.verdict(), again.verdict())
    assert (made.factor, made.has_enough) == (again.factor, again.has_enough)
