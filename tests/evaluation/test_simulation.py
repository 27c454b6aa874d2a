"""The test of the tests, at reduced size: simulated bake-offs whose truth is known.

Bounds are such that a method which keeps its word breaks them once in 10,000 times or less (and
the draws are seeded); without Holm's correction, or without pairing, they are broken.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from bakeoff.evaluation.intervals import bootstrap
from bakeoff.evaluation.statistic import named
from tests.evaluation.simulated import simulation

S = simulation()


def most(share: float, rounds: int) -> int:
    """What happens with probability `share` happens this often at most."""
    return int(binom.isf(1e-4, rounds, share))


@pytest.mark.parametrize(
    ("pictures", "seeds", "steadiness"),
    [
        (1000, 1, (0.0,)),
        (1000, 3, (0.01,)),
        (1000, 2, (0.01,)),
        (3000, 3, (0.0, 0.0, 0.01, 0.01, 0.01)),
    ],
)
def test_false_better_is_rare_among_equals(
    pictures: int, seeds: int, steadiness: tuple[float, ...]
) -> None:
    """In at most 5% of bake-offs of five equal contenders anybody is called better, over all ten
    pairs, whether runs differ much or little from seed to seed."""
    world = S.World(pictures=pictures, seeds=seeds, steadiness=steadiness)
    found = S.tallied(world, 100)
    assert found.mistaken <= most(0.05, 100)
    # Pairs of one bake-off are not independent: as if of each only two were.
    assert found.pairs - found.held <= most(0.05, 200) / 200 * found.pairs
    assert found.contenders - found.covered <= most(0.05, 200) / 200 * found.contenders


def test_five_without_correction_would_often_mislead() -> None:
    """The same bake-offs break the bound as soon as p-values are taken as they are."""
    mistaken = 0
    for correct in S.World(seeds=1).bakeoffs(100):
        mistaken += any(pair.p < 0.05 for pair in S.compare(correct, power=None))
    assert mistaken > most(0.05, 100)


@pytest.mark.parametrize("seeds", [1, 3])
def test_intervals_are_as_wide_as_pairing_allows(seeds: int) -> None:
    """On the same pictures, of which most are easy or hard for both, intervals are not far too
    wide either, and a difference is found that unpaired shares would hide."""
    world = S.World(accuracies=(0.92, 0.9), pictures=1000, seeds=seeds, shared=0.85, own=0.05)
    found = S.tallied(world, 200)
    assert found.told >= 200 - most(0.3, 200)
    assert found.pairs - found.held >= 1


def test_power_is_what_was_computed() -> None:
    """With as many pictures more as are said to be needed, four of five bake-offs answer."""
    world = S.World(accuracies=(0.92, 0.9), seeds=1, pictures=500)
    need = S.needs(world)
    share = S.reached(world, need, 150)["pictures"]
    assert binom.ppf(1e-4, 150, 0.8) <= 150 * share <= most(0.88, 150)


def test_bootstrap_intervals_cover() -> None:
    """Intervals of F1 and of the loss over three seeds hold what they estimate."""
    world = S.World(pictures=300, seeds=3, steadiness=(0.1,))
    for name in ("macro_f1", "loss"):
        rows = [bootstrap(named(name), runs, resamples=200) for runs in S.tables(world, 50)]
        truth = np.mean([one.value for one in rows])
        missed = sum(not one.low <= truth <= one.high for one in rows)
        assert missed <= most(0.05, 50)
