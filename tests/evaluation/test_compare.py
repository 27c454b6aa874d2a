"""Which contenders are better than which."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest

from bakeoff.evaluation.compare import Pair, compare, holm
from bakeoff.evaluation.difference import apart, mcnemar
from bakeoff.evaluation.spread import crossed
from tests.evaluation.simulated import right, simulation

Correct = npt.NDArray[np.bool_]


def disagreeing(only_first: int, only_second: int, pictures: int = 1000) -> tuple[Correct, Correct]:
    """Two runs that agree but for so many pictures."""
    first, second = np.ones(pictures, bool), np.ones(pictures, bool)
    second[:only_first] = False
    first[only_first : only_first + only_second] = False
    return first, second


def pair(first: Correct, second: Correct, margin: float = 0.005) -> Pair:
    """The only pair of two contenders."""
    (one,) = compare({"cnn": first, "vgg": second}, margin=margin)
    return one


@pytest.mark.parametrize(("b", "c"), [(0, 0), (5, 0), (3, 8), (40, 12), (600, 500)])
def test_one_seed_is_mcnemars_exact_test(b: int, c: int) -> None:
    """The p-value is the binomial test's on pictures that only one has right."""
    found = pair(*disagreeing(b, c, 2000))
    wanted = binomtest(b, b + c).pvalue if b + c else 1.0
    assert found.p == pytest.approx(wanted)
    assert (found.only_first, found.only_second) == (b, c)
    assert found.difference == pytest.approx((b - c) / 2000)
    assert (found.pictures, found.seeds) == (2000, 1)
    assert mcnemar(b, c) == mcnemar(c, b)


def test_the_interval_is_a_paired_bootstraps() -> None:
    """On a thousand pictures the interval is that of pictures drawn again in pairs."""
    first, second = disagreeing(60, 30)
    found, random = pair(first, second), np.random.default_rng(0)
    gaps = first.astype(float) - second
    drawn = np.array([gaps[random.integers(0, 1000, 1000)].mean() for _ in range(4000)])
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.0015)


def test_contenders_that_never_disagree_are_not_the_same() -> None:
    """On few pictures even two that agree on all are not shown to be tied; on many they are."""
    few, many = pair(*disagreeing(0, 0, 200)), pair(*disagreeing(0, 0, 5000))
    assert (few.outcome, many.outcome) == ("can't tell", "tied")
    assert few.low < -0.005 < 0.005 < few.high
    assert few.difference == many.difference == 0


def test_better_and_worse() -> None:
    """The outcome is the first's, and turning the pair turns it."""
    ahead = pair(*disagreeing(80, 20))
    behind = pair(*disagreeing(80, 20)[::-1])
    assert (ahead.outcome, behind.outcome) == ("better", "worse")
    assert 0 < ahead.low < ahead.difference < ahead.high
    turned = behind.turned()
    assert (turned.first, turned.second, turned.outcome) == ("vgg", "cnn", "better")
    assert (turned.low, turned.high) == pytest.approx((ahead.low, ahead.high))
    assert (turned.only_first, turned.only_second) == (80, 20)
    assert ahead.need is None


def test_a_sure_difference_that_does_not_matter_is_a_tie() -> None:
    """Where the whole interval lies within the margin it is a tie, however sure the difference."""
    runs = disagreeing(220, 100, 100_000)
    assert pair(*runs).p < 1e-6
    assert pair(*runs).outcome == "tied"
    assert pair(*runs, margin=0.001).outcome == "better"


def test_holm() -> None:
    """Each p-value is multiplied by how many are left, and none falls below one before it."""
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_every_pair_once_and_corrected_together() -> None:
    """A difference that stands alone is lost among ten, and its interval stays as it was."""
    first, second = disagreeing(30, 14)
    alone = pair(first, second)
    others = {f"c{place}": first for place in range(3)}
    pairs = compare({"cnn": first, "vgg": second, **others})
    assert [(one.first, one.second) for one in pairs][:2] == [("cnn", "vgg"), ("cnn", "c0")]
    assert len(pairs) == 10
    assert alone.outcome == "better"
    assert pairs[0].outcome == "can't tell"
    assert pairs[0].adjusted == pytest.approx(10 * alone.p)
    assert (pairs[0].low, pairs[0].high) == (alone.low, alone.high)


def test_seeds_that_differ_more_than_contenders() -> None:
    """A lead that every picture supports in one run, and other runs of the same contender do not,
    is no lead."""
    steady = np.stack([right(hits, 5000) for hits in (4500, 4501, 4502)])
    lower = np.stack([right(hits, 5000) for hits in (4399, 4400, 4401)])
    wild = np.stack([right(hits, 5000) for hits in (4100, 4400, 4700)])
    assert pair(steady, lower).outcome == "better"
    found = pair(steady, wild)
    assert found.outcome == "can't tell"
    assert found.seeds == 3
    assert found.need is not None
    assert found.need.pictures is None


def test_seeds_may_differ_in_number() -> None:
    """A contender that lost runs is compared with those it has; one run alone is taken to vary
    like the least steady of the others."""
    three = np.stack([right(hits, 5000) for hits in (4400, 4500, 4600)])
    two = three[:2]
    assert pair(three, two).seeds == 2
    lone = right(4800, 5000)
    assert pair(three[1], lone).outcome == "worse"
    found = pair(three, lone)
    assert (found.seeds, found.outcome) == (1, "can't tell")
    loose = apart(crossed(three), crossed(lone), crossed(three)).spread
    assert loose.variance > 3 * apart(crossed(three), crossed(three)).spread.variance / 2


STEADY = ("cnn", "vgg")
"""In neither of the pair is anything random."""


def test_what_is_not_random_is_one_run() -> None:
    """Identical predictions give identical verdicts, however often they were repeated."""
    first, second = disagreeing(30, 14)
    wild = np.stack([right(hits, 1000) for hits in (300, 500, 700)])
    once, often = (
        compare({"cnn": np.stack([first] * n), "vgg": second, "wild": wild}, deterministic=STEADY)
        for n in (1, 3)
    )
    assert once == often
    assert (once[0].p, once[0].low) == (pair(first, second).p, pair(first, second).low)
    assert once[0].deterministic
    assert once[0].words.endswith(
        "1,000 pictures, whatever the seed). About 1,000 more pictures would tell."
    )
    assert [one.seeds for one in once] == [1, 3, 3]
    assert not once[1].deterministic


def test_what_is_not_random_borrows_no_variance() -> None:
    """Another contender's seeds say nothing about one that has none; those of a random one that is
    left with a single run are borrowed, whoever it meets."""
    first, second = disagreeing(30, 14)
    wild = np.stack([right(hits, 1000) for hits in (300, 500, 700)])
    tables = {"cnn": first, "vgg": second, "wild": wild}
    both, one, none = (compare(tables, deterministic=names)[0] for names in (STEADY, ("cnn",), ()))
    assert both.high - both.low < 0.03
    assert both.need is not None
    assert both.need.seeds is None
    assert one.high - one.low > 0.3
    assert none.high - none.low > one.high - one.low


def test_runs_that_differ_are_random_whatever_was_said() -> None:
    """Where repeated fits did not come out the same, their seeds count."""
    runs = {"cnn": np.stack([right(hits, 1000) for hits in (900, 910, 920)]), "vgg": right(5, 1000)}
    assert compare(runs, deterministic=("cnn",)) == compare(runs)


def test_the_same_by_two_names() -> None:
    """Where every probability is identical there is no difference to be unsure of."""
    few = right(8, 11)
    (found,) = compare({"cnn": few, "vgg": few}, same={frozenset(("cnn", "vgg"))})
    assert (found.outcome, found.low, found.high, found.need) == ("tied", 0.0, 0.0, None)
    assert found.words == (
        "cnn and vgg are the same: their predictions are identical on all 11 pictures."
    )


def test_level_on_few_pictures() -> None:
    """Nothing is foretold from no difference, and little from very few pictures."""
    level = pair(right(8, 11), right(8, 11))
    assert (level.outcome, level.need) == ("can't tell", None)
    assert level.words.endswith(
        "they are right on the very same pictures (95%: −21.3 to 21.3; p = 1, 11 pictures, 1 seed)."
    )
    close = pair(*disagreeing(8, 7, 20))
    assert close.need is not None
    assert close.need.far
    assert close.words.endswith(
        "It would take far more than a hundred times these pictures to tell."
    )


def test_counts_are_means_over_runs() -> None:
    """With several seeds, pictures that only one has right are counted over all pairs of runs."""
    first = np.stack([right(10, 20), right(8, 20)])
    second = np.stack([right(6, 20), right(6, 20)])
    found = pair(first, second)
    assert (found.only_first, found.only_second) == (3.0, 0.0)


def test_what_would_tell_is_for_pairs_that_cannot() -> None:
    """It is worked out where asked for, and leaves nothing behind where not."""
    runs = dict(zip(("cnn", "vgg"), disagreeing(30, 20), strict=True))
    (told,), (silent,) = compare(runs), compare(runs, power=None)
    assert told.need is not None
    assert told.need.pictures is not None
    assert silent.need is None
    assert silent.words == told.words.split(" About")[0]
    (surer,) = compare(runs, power=0.95)
    assert surer.need is not None
    assert surer.need.pictures is not None
    assert surer.need.pictures > told.need.pictures


def test_words() -> None:
    """One or two sentences each, who is ahead named first."""
    assert pair(*disagreeing(20, 80)).words == (
        "vgg is better than cnn by 6.0 pp (95%: 4.0 to 7.9; p < .001, 1,000 pictures, 1 seed)."
    )
    assert pair(*disagreeing(30, 20)).words == (
        "cnn and vgg cannot be told apart: cnn is ahead by 1.0 pp (95%: −0.4 to 2.4; p = .20, "
        "1,000 pictures, 1 seed). About 3,300 more pictures would tell."
    )
    assert pair(*disagreeing(0, 0, 5000)).words == (
        "cnn and vgg are tied, less than 0.5 pp apart: they are right on the very same "
        "pictures (95%: −0.06 to 0.06; p = 1, 5,000 pictures, 1 seed)."
    )
    assert pair(*disagreeing(220, 100, 100_000)).words == (
        "cnn and vgg are tied, less than 0.5 pp apart: cnn is ahead by 0.12 pp for sure "
        "(95%: 0.08 to 0.16; p < .001, 100,000 pictures, 1 seed)."
    )
    wild = {"cnn": np.stack([right(hits, 60) for hits in (10, 58)]), "vgg": right(40, 60)}
    assert compare({**wild, "knn": right(0, 60)})[0].words.endswith(
        "after Holm, 60 pictures, 1 seed). No more pictures or seeds alone would tell."
    )


def test_it_is_the_same_again() -> None:
    """Nothing in it is drawn: the same runs give the same pairs to the last bit."""
    (correct,) = simulation().World(accuracies=(0.9, 0.91, 0.92)).bakeoffs(1)
    assert compare(correct) == compare(correct)


def test_other_pictures_are_not_compared() -> None:
    """Runs on other numbers of pictures were measured on something else."""
    with pytest.raises(AssertionError, match="other pictures"):
        compare({"cnn": right(1, 10), "vgg": right(1, 11)})
