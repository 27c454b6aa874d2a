"""Chance without state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.data.draws import Draws, balanced, hashed, order


def draws(
    count: int = 4000, *, seed: int = 0, epoch: int = 0, step: int = 0, first: int = 0
) -> Draws:
    """The draws of a batch whose pictures are numbered by their place."""
    indices = np.arange(first, first + count)
    return Draws(seed=seed, epoch=epoch, step=step, first=first, indices=indices)


def test_hash_is_the_same_on_every_machine() -> None:
    """The numbers are fixed by this file, and by no version of any library."""
    expected = [3027692909927252127, 11870058653296522217]
    assert hashed(np.array([0, 1]), "a", 1).tolist() == expected


def test_uniform_numbers_are_spread_evenly() -> None:
    """Uniform draws fill each tenth of the range from 0 to 1 about equally."""
    values = draws(20_000).uniform("a")
    tenths, _ = np.histogram(values, bins=10, range=(0, 1))
    assert values.min() >= 0
    assert values.max() < 1
    assert (np.abs(tenths - 2000) < 200).all()


@pytest.mark.parametrize(
    "other",
    [draws(seed=1).uniform("a"), draws(epoch=1).uniform("a"), draws().uniform("b")],
    ids=["seed", "epoch", "name"],
)
def test_another_key_gives_unrelated_numbers(other: npt.NDArray[np.float64]) -> None:
    """A change of seed, epoch or name gives numbers that do not go with the others."""
    own = draws().uniform("a")
    assert not (own == other).any()
    assert abs(np.corrcoef(own, other)[0, 1]) < 0.06


def test_neighbours_are_unrelated() -> None:
    """A picture's number says nothing of the next one's."""
    values = draws().uniform("a")
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.06


def test_a_slice_draws_what_the_whole_batch_would() -> None:
    """Numbers depend on the place in the epoch and not on where a slice begins."""
    assert (draws(100).uniform("a")[40:] == draws(60, first=40).uniform("a")).all()


def test_spread_reaches_both_ways() -> None:
    """Spread draws lie evenly between minus and plus the reach."""
    values = draws().spread("a", 3)
    assert -3 <= values.min() < -2.9
    assert 2.9 < values.max() <= 3


def test_alternating_coins_turn_every_epoch() -> None:
    """Each picture shows heads in one epoch and tails in the next, about half of them each."""
    sides = [draws(epoch=epoch).alternating("flip") for epoch in range(3)]
    assert (sides[0] != sides[1]).all()
    assert (sides[0] == sides[2]).all()
    assert 0.45 < sides[0].mean() < 0.55


def test_alternating_coins_follow_the_picture() -> None:
    """The side depends on the picture's own number, wherever it comes in the epoch."""
    indices = np.array([7, 3, 9, 3])
    ours = Draws(seed=0, epoch=0, step=5, first=640, indices=indices)
    assert (ours.alternating("flip") == draws(10).alternating("flip")[indices]).all()


@pytest.mark.parametrize("parameter", [0.05, 0.2, 1.0, 4.0, 50.0])
def test_beta_has_the_right_moments(parameter: float) -> None:
    """Beta(a, a) draws have mean 1/2 and variance 1 / (4 (2a + 1))."""
    values = draws(20_000).beta("a", parameter)
    variance = 1 / (4 * (2 * parameter + 1))
    assert values.min() >= 0
    assert values.max() <= 1
    assert values.mean() == pytest.approx(0.5, abs=4 * (variance / 20_000) ** 0.5)
    assert values.var() == pytest.approx(variance, rel=0.04)


def test_beta_of_one_is_uniform() -> None:
    """Beta(1, 1) is the uniform distribution."""
    ours = draws()
    assert ours.beta("a", 1.0) == pytest.approx(ours.uniform("a"), abs=1e-3)


def test_batch_coin_is_tossed_once_per_step() -> None:
    """All processes of a step toss alike; over the steps both sides come up."""
    tosses = [draws(2, step=step).batch_coin("a") for step in range(400)]
    assert tosses == [draws(2, step=step, first=99).batch_coin("a") for step in range(400)]
    assert 150 < sum(tosses) < 250


@pytest.mark.parametrize("counts", [(50, 8, 2), (1, 100), (5, 5, 5), (3, 0, 40)])
def test_balanced_places(counts: tuple[int, ...]) -> None:
    """Every epoch has each class equally often, within one place, and is as long as all; over the
    epochs a class shows all its places equally often, within one. Another epoch or seed gives
    another order."""
    labels = np.repeat(np.arange(len(counts)), counts)
    present = [count for count in counts if count]
    seen = np.zeros(len(labels), int)
    for epoch in range(7):
        places = balanced(labels, 3, epoch)
        assert len(places) == len(labels)
        shown = np.bincount(labels[places], minlength=len(counts))
        shares = shown[np.array(counts) > 0]
        assert shares.max() - shares.min() <= 1
        assert shares.sum() == len(labels)
        seen += np.bincount(places, minlength=len(labels))
        for label in range(len(counts)):
            own = seen[labels == label]
            assert own.size == 0 or own.max() - own.min() <= 1
    assert len(present) == len(set(labels.tolist()))
    first = balanced(labels, 3, 0)
    assert first.tolist() == balanced(labels, 3, 0).tolist()
    assert first.tolist() != balanced(labels, 3, 1).tolist()
    assert first.tolist() != balanced(labels, 4, 0).tolist()


def test_order_is_a_permutation() -> None:
    """A shuffled order holds every place once, and differs between epochs and seeds."""
    first = order(1000, seed=0, epoch=0)
    assert sorted(first) == list(range(1000))
    assert (first == order(1000, seed=0, epoch=0)).all()
    for other in (order(1000, seed=0, epoch=1), order(1000, seed=1, epoch=0)):
        assert (first == other).mean() < 0.02
