"""How far a mean over seeds and pictures may lie from the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from bakeoff.evaluation.spread import Seeds, Spread, crossed


def seeds(variance: float, rest: float = 0.0, degrees: int = 2) -> Seeds:
    """Of one contender."""
    return Seeds(variance=variance, rest=rest, degrees=degrees)


def test_pictures_alone_are_normal() -> None:
    """Without seeds the interval is the usual one."""
    assert Spread(pictures=4.0).half_width(0.05) == pytest.approx(2 * norm.ppf(0.975))


def test_seeds_alone_are_students() -> None:
    """Where only seeds matter, both ways of counting agree on Student's t."""
    found = Spread(pictures=0.0, seeds=(seeds(4.0),)).half_width(0.05)
    assert found == pytest.approx(2 * t.ppf(0.975, 2))


def test_the_rest_is_counted_once() -> None:
    """What is in the variance over pictures and over seeds is in the sum once; chance cannot make
    it less than the pictures' own."""
    assert Spread(pictures=3.0, seeds=(seeds(2.0, 0.5),)).variance == pytest.approx(4.5)
    assert Spread(pictures=3.0, seeds=(seeds(0.1, 0.5),)).variance == pytest.approx(3.0)


def test_between_two_ways() -> None:
    """The width lies between Satterthwaite's and the sum of a normal and a t distribution."""
    spread = Spread(pictures=1.0, seeds=(seeds(1.0),))
    narrow = t.ppf(0.975, 2.0**2 / (1 / 2)) * math.sqrt(2)
    wide = math.sqrt(norm.ppf(0.975) ** 2 + t.ppf(0.975, 2) ** 2)
    assert spread.half_width(0.05) == pytest.approx(math.sqrt(narrow * wide))


@pytest.mark.parametrize("spread", [Spread(pictures=1.0), Spread(pictures=1, seeds=(seeds(2.0),))])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.001])
def test_p_belongs_to_the_interval(spread: Spread, alpha: float) -> None:
    """The p-value of a distance is the alpha whose interval reaches it."""
    assert spread.p(spread.half_width(alpha)) == pytest.approx(alpha, rel=1e-4)


def test_p_at_its_ends() -> None:
    """No distance has a p of 1; a huge one has a small p, and not zero."""
    assert Spread(pictures=1.0).p(0.0) == 1.0
    assert 0 < Spread(pictures=1.0).p(1000.0) < 1e-9


def test_likely_variances_have_their_mean() -> None:
    """Cases in which few seeds show their variance are right on average."""
    cases = Spread(pictures=1.0, seeds=(seeds(1.0, degrees=4),)).likely(200)
    assert cases.mean() == pytest.approx(1.0, abs=0.01)
    assert cases.std() == pytest.approx(math.sqrt(2 / 4), rel=0.05)
    assert Spread(pictures=1.0).likely(16).tolist() == [1.0]


def test_seeds_and_pictures_are_taken_apart() -> None:
    """Variances that were put in come out again."""
    random = np.random.default_rng(0)
    table = (
        0.5
        + random.normal(0, 0.3, 2000)
        + random.normal(0, 0.2, (400, 1))
        + random.normal(0, 0.4, (400, 2000))
    )
    found = crossed(table)
    assert found.seeds == 400
    assert found.rest == pytest.approx(0.16, rel=0.01)
    assert found.between == pytest.approx(0.04, rel=0.2)
    assert found.mean.var() == pytest.approx(0.09, rel=0.1)
    shares = found.shares(2000)
    assert shares.variance == pytest.approx(found.between / 400)
    assert shares.rest == pytest.approx(found.rest / (400 * 2000))
    assert found.shares(2000, 1).variance == pytest.approx(found.between)


def test_one_seed_says_nothing_of_seeds() -> None:
    """Of one run only the pictures are known."""
    found = crossed(np.array([True, False, True]))
    assert (found.seeds, found.between, found.rest) == (1, 0.0, 0.0)
    assert found.mean.tolist() == [1.0, 0.0, 1.0]
