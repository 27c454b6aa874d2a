"""A learning rate found by trying."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bakeoff.spec.image import Augment
from bakeoff.spec.network import Classes, Dense, Flatten, Network
from bakeoff.spec.training import SGD, Cosine
from bakeoff.training import chance
from bakeoff.training.finder import Rate, find_rate, steepest
from bakeoff.training.leg import Leg
from tests.training.jobs import backbone, end, job, material, stage

DENSE = Network(rows=(Flatten(), Dense(width=32, activation="relu"), Classes()))
FACTORS = np.geomspace(1e-3, 1e2, 60)


def found(rate: float, **fields: Any) -> Rate:
    """For a small dense network on 300 digits."""
    only = stage(optimiser=SGD(rate=rate), batch=32, epochs=3, schedule=Cosine())
    return find_rate(job(only, network=DENSE, material=material(300, 60, 10), **fields))


def accuracy(rate: float) -> float:
    """Of the same network, trained for three epochs."""
    only = stage(optimiser=SGD(rate=rate), batch=32, epochs=3, schedule=Cosine())
    made = job(only, network=DENSE, material=material(300, 60, 10))
    return end(made)[2][-1][-1]


@pytest.mark.parametrize("declared", [0.001, 0.05])
def test_the_suggested_rate_is_a_good_one(declared: float) -> None:
    """Wherever the declared rate lies the suggestion is near the same place, and a network that is
    trained at it does far better than at a hundredth of it."""
    rate = found(declared)
    assert rate.declared == declared
    assert rate.suggested is not None
    assert 0.01 < rate.suggested < 0.2
    assert accuracy(rate.suggested) > accuracy(rate.suggested / 100) + 0.3


def test_nothing_is_touched() -> None:
    """Weights, what is trainable, the mode and all random numbers are as before."""
    made = job(stage(train="head"), network=backbone())
    before = {name: held.clone() for name, held in made.classifier.state_dict().items()}
    trained = [held.requires_grad for held in made.classifier.parameters()]
    chance.seed(5)
    find_rate(made)
    drawn = torch.rand(3), np.random.random()
    chance.seed(5)
    assert torch.equal(torch.rand(3), drawn[0])
    assert np.random.random() == drawn[1]
    after = made.classifier.state_dict()
    assert all(torch.equal(held, before[name]) for name, held in after.items())
    assert [held.requires_grad for held in made.classifier.parameters()] == trained


def test_the_same_seed_finds_the_same() -> None:
    """It can be repeated, whatever was drawn before."""
    first = found(0.05)
    torch.rand(7)
    assert found(0.05) == first
    assert found(0.05, seed=1) != first


def test_it_ends_where_the_loss_explodes() -> None:
    """Far too high a rate is not tried to the end, and no rate from there is suggested."""
    rate = found(1.0)
    assert rate.exploded
    assert len(rate.tried) < 60
    assert rate.factor is not None
    assert rate.factor < rate.tried[-1].factor / 3


def test_a_loss_that_does_not_fall_suggests_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise has a steepest place too; it is not taken for one."""
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(2, 0.1, 60)
        assert steepest(FACTORS, noise.tolist())[1] is None
    monkeypatch.setattr(Leg, "take_loss", lambda leg: 2.0)
    rate = found(0.05)
    assert rate.suggested is None
    assert len(rate.tried) == 60


def test_a_loss_that_is_no_number_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that cannot take a step gives no rate."""
    monkeypatch.setattr(Leg, "take_loss", lambda leg: float("nan"))
    rate = found(0.05)
    assert (rate.tried, rate.suggested, rate.exploded) == ((), None, True)


def test_memory_that_runs_out_makes_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that does not fit is tried in pieces, as in training."""
    forward = Leg.forward

    def tight(self: Leg, images: torch.Tensor) -> torch.Tensor:
        if len(images) > 10:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8")
        return forward(self, images)

    monkeypatch.setattr(Leg, "forward", tight)
    assert found(0.05).suggested is not None


def test_asking_to_stop() -> None:
    """It ends after the step at hand."""
    made = job(stage(average=0.9, lookahead=2), augment=Augment(mixup=0.2))
    assert len(find_rate(made, stop=lambda: True).tried) == 1


def test_the_steepest_place_of_a_known_curve() -> None:
    """Of a step from 2 to 1 at a factor of 1 it is 1; a wall on its right does not move it."""
    places = np.log10(FACTORS)
    fall = 1 / (1 + np.exp(-6 * places))
    losses = 2 - fall + np.exp(8 * (places - 1.5))
    smooth, factor = steepest(FACTORS, losses.tolist())
    assert factor == pytest.approx(1, rel=0.3)
    np.testing.assert_allclose(smooth[:45], losses[:45], rtol=0.03)
    assert steepest(FACTORS, (1 + fall).tolist())[1] is None
    assert replace(Rate(tried=(), declared=0.1, factor=2.0, exploded=False)).suggested == 0.2
