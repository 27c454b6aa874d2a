"""Numbers with how far they may lie from the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from bakeoff.evaluation.intervals import accuracy, bootstrap, wilson
from bakeoff.evaluation.predictions import Predictions
from bakeoff.evaluation.statistic import named, top
from tests.evaluation.simulated import predictions, right


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (93, 100), (9312, 10_000), (10, 10)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_is_scipys(hits: int, n: int, level: float) -> None:
    """Wilson's interval, at any level and at both ends."""
    wanted = binomtest(hits, n).proportion_ci(level, method="wilson")
    found = wilson(hits, n, level)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert (found.value, found.n, found.seeds) == (hits / n, n, 1)
    assert (found.level, found.method) == (level, "wilson")


def test_one_run_is_a_share() -> None:
    """Pictures, or a single row of them, are Wilson's case."""
    one = right(90, 100)
    assert accuracy(one) == accuracy(one[None]) == wilson(90, 100)


def test_seeds_that_agree_add_nothing() -> None:
    """Three times the same run is as good as one: there is nothing more to know."""
    same = accuracy(np.stack([right(900, 1000)] * 3))
    assert (same.seeds, same.n, same.method) == (3, 1000, "crossed")
    one = wilson(900, 1000)
    assert (same.low, same.high) == pytest.approx((one.low, one.high), abs=1e-6)


def test_seeds_that_disagree_widen() -> None:
    """Runs of 80, 90 and 99% leave more open than one of 90% would."""
    apart = accuracy(np.stack([right(hits, 1000) for hits in (800, 900, 990)]))
    one = wilson(900, 1000)
    assert apart.high - apart.low > 4 * (one.high - one.low)
    assert 0 <= apart.low < apart.value < apart.high <= 1


@pytest.mark.parametrize("hits", [0, 50])
def test_all_or_nothing(hits: int) -> None:
    """That all is right, or nothing, in every run is no certainty, and no error."""
    found = accuracy(np.stack([right(hits, 50)] * 2))
    one = wilson(hits, 50)
    assert (found.low, found.high) == pytest.approx((one.low, one.high))


def test_two_ways_to_the_same_interval() -> None:
    """Accuracy by the bootstrap is accuracy by the formula, for one seed and for three."""
    tables = [predictions(seed, pictures=2000) for seed in range(3)]
    for some in (tables, tables[:1]):
        formula = accuracy(np.stack([one.correct for one in some]))
        drawn = bootstrap(top(1), some)
        assert drawn.value == pytest.approx(formula.value)
        width = formula.high - formula.low
        assert (drawn.low, drawn.high) == pytest.approx(
            (formula.low, formula.high), abs=0.06 * width
        )


@pytest.mark.parametrize("name", ["macro_f1", "ece", "loss"])
def test_bootstrap_brackets_the_mean_over_seeds(name: str) -> None:
    """The value is the mean of the seeds' own, and lies within its limits."""
    tables = [predictions(seed) for seed in range(3)]
    each = [bootstrap(named(name), [table], resamples=50).value for table in tables]
    found = bootstrap(named(name), tables, resamples=200)
    assert found.value == pytest.approx(np.mean(each))
    assert 0 <= found.low < found.value < found.high
    assert (found.n, found.seeds, found.method) == (300, 3, "bootstrap")


def test_draws_are_repeated() -> None:
    """The same seed draws the same pictures, another others."""
    tables = [predictions(0)]
    first, again, other = (
        bootstrap(named("macro_f1"), tables, resamples=100, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first.low != other.low


def test_levels_nest() -> None:
    """More confidence takes a wider interval."""
    tables = [predictions(seed) for seed in range(2)]
    narrow, wide = (bootstrap(named("loss"), tables, level=level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_perfect_predictions_are_not_certain() -> None:
    """Where every picture is right F1 is 1, and may still be less."""
    labels = np.arange(40) % 4
    table = Predictions(
        indices=np.arange(40),
        labels=labels,
        probabilities=np.eye(4, dtype=np.float32)[labels],
        classes=("a", "b", "c", "d"),
    )
    found = bootstrap(named("weighted_f1"), [table, table], resamples=50)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(wilson(40, 40).low)
    loss = bootstrap(named("loss"), [table], resamples=50)
    assert (loss.low, loss.value, loss.high) == (0, 0, 0)
