"""The threshold for "none of these": at a stated rate of false alarms, honestly measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.evaluation.strangeness import strangeness
from bakeoff.evaluation.unknown import fitted, least, method_for


def scores(count: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """One class stands out of ten."""
    random = np.random.default_rng(seed)
    found = random.normal(0, 1, (count, 10))
    found[np.arange(count), random.integers(10, size=count)] += random.normal(8, 2, count)
    return found


def shares(count: int) -> npt.NDArray[np.float64]:
    """Logarithms of what adds up to 1, as trees and neighbours give them."""
    raised = np.exp(scores(count))
    return np.asarray(np.log(raised / raised.sum(1, keepdims=True)))


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_alarms_are_as_stated(rate: float) -> None:
    """On pictures that the threshold was not set by, about the stated share is called foreign."""
    found = fitted(scores(20_000), None, 1.0, rate=rate)
    assert found is not None
    others = strangeness(found.method, scores(20_000, seed=1), None, {}, 1.0)
    assert abs(float((others > found.threshold).mean()) - rate) < 0.2 * rate
    assert found.alarms.n == 20_000
    assert found.alarms.low < rate < found.alarms.high


def test_few_pictures_err_on_the_side_of_silence() -> None:
    """Over many small samples, no more than the stated share of others is called foreign."""
    alarms, measured = [], []
    others = scores(5000, seed=99)
    for seed in range(200):
        found = fitted(scores(40, seed), None, 1.0, rate=0.05)
        assert found is not None
        strange = strangeness(found.method, others, None, {}, 1.0)
        alarms.append(float((strange > found.threshold).mean()))
        measured.append(found.alarms.value)
    assert np.mean(alarms) <= 0.055
    # By half as many pictures the threshold lies higher or the same; never a flattering zero.
    assert 0.02 < np.mean(measured) < 0.08


def test_too_few_to_tell() -> None:
    """There is no threshold of pictures of which none would be expected above it."""
    assert least(0.05) == 40
    assert fitted(scores(39), None, 1.0, rate=0.05) is None
    assert fitted(scores(40), None, 1.0, rate=0.05) is not None


def test_energy_where_there_is_one() -> None:
    """Scores that are shares already have no energy; there doubt decides."""
    assert method_for(scores(100)) == "energy"
    assert method_for(shares(100)) == "doubt"


def test_the_foreign_are_stranger() -> None:
    """Scores among which none stands out are stranger by either method."""
    flat = np.random.default_rng(2).normal(0, 0.1, (50, 10))
    for own, foreign in ((scores(500), flat), (shares(500), flat - np.log(10))):
        found = fitted(own, None, 0.7)
        assert found is not None
        strange = strangeness(found.method, foreign, None, found.reference, 0.7)
        assert (strange > found.threshold).mean() > 0.9
