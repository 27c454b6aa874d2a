"""Who trains, who chooses, who is sealed."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data.splits import Split, joined, split
from bakeoff.spec.errors import DataError
from bakeoff.spec.split import SplitPlan

Ints = npt.NDArray[np.int64]


def contents(count: int) -> npt.NDArray[np.uint8]:
    """A different content digest for each picture."""
    rows = [hashlib.blake2b(b"%d" % i, digest_size=16).digest() for i in range(count)]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(count, 16)


def divide(
    plan: SplitPlan,
    labels: Ints,
    *,
    digests: npt.NDArray[np.uint8] | None = None,
    together: Ints | None = None,
    official: npt.NDArray[np.uint8] | None = None,
) -> Split:
    """A split with nothing tied and no official part, but for what a test gives."""
    return split(
        plan,
        labels=labels,
        digests=contents(len(labels)) if digests is None else digests,
        together=np.arange(len(labels)) if together is None else together,
        official=official,
    )


def tenfold(per_class: int, classes: int = 10) -> Ints:
    """Labels, as many of each class."""
    return np.repeat(np.arange(classes), per_class)


def sizes(made: Split) -> tuple[int, int, int]:
    """Pictures in train, val and test."""
    return len(made.train), len(made.val), len(made.test)


OFFICIAL = np.repeat(np.array([0, 2], np.uint8), [500, 100])
LABELS = np.tile(np.arange(10), 60)


@pytest.mark.parametrize(
    ("plan", "official", "expected"),
    [
        (SplitPlan(), None, (480, 60, 60)),
        (SplitPlan(shares=(0.8, 0.2)), None, (432, 48, 120)),
        (SplitPlan(shares=(0.7, 0.1, 0.2)), None, (420, 60, 120)),
        (SplitPlan(val=0.2), None, (432, 108, 60)),
        (SplitPlan(), OFFICIAL, (450, 50, 100)),
        (SplitPlan(val=100), OFFICIAL, (400, 100, 100)),
        (SplitPlan(shares=(0.8, 0.2)), OFFICIAL, (432, 48, 120)),
        (SplitPlan(subset=80), OFFICIAL, (72, 8, 100)),
        (SplitPlan(subset=90), None, (80, 10, 60)),
        (SplitPlan(subset=90, shares=(0.5, 0.25, 0.25)), None, (60, 30, 150)),
        (SplitPlan(subset=100, val=0.3), OFFICIAL, (70, 30, 100)),
        (SplitPlan(folds=5, fold=2), OFFICIAL, (400, 100, 100)),
    ],
)
def test_parts_have_the_sizes_that_were_asked_for(
    plan: SplitPlan, official: npt.NDArray[np.uint8] | None, expected: tuple[int, int, int]
) -> None:
    """Shares, counts, subsets and folds come out to the picture."""
    assert sizes(divide(plan, LABELS, official=official)) == expected


def test_an_official_test_part_is_kept() -> None:
    """Validation and subsets come out of the official training part; test stays as published."""
    for plan in (SplitPlan(), SplitPlan(val=7), SplitPlan(subset=100), SplitPlan(folds=3)):
        made = divide(plan, LABELS, official=OFFICIAL)
        assert np.array_equal(made.test, np.arange(500, 600))


def test_an_official_validation_part_is_kept_unless_another_is_asked_for() -> None:
    """A source's own validation part stands; `val` replaces it."""
    official = np.repeat(np.array([0, 1, 2], np.uint8), [400, 100, 100])
    assert np.array_equal(divide(SplitPlan(), LABELS, official=official).val, np.arange(400, 500))
    assert sizes(divide(SplitPlan(val=50), LABELS, official=official)) == (450, 50, 100)


def test_a_source_without_a_test_part_gets_one() -> None:
    """Where only train and validation are given, a tenth of train is sealed."""
    official = np.repeat(np.array([0, 1], np.uint8), [500, 100])
    made = divide(SplitPlan(), LABELS, official=official)
    assert sizes(made) == (450, 100, 50)
    assert np.array_equal(made.val, np.arange(500, 600))


def test_every_class_is_in_every_part_in_proportion() -> None:
    """Stratified: a rare class has its share of each part."""
    labels = np.repeat(np.arange(3), [1000, 100, 20])
    made = divide(SplitPlan(), labels)
    for part, expected in ((made.train, [800, 80, 16]), (made.val, [100, 10, 2])):
        assert np.bincount(labels[part]).tolist() == expected


def test_the_same_pictures_and_seed_give_the_same_split_anywhere() -> None:
    """A split is fixed by content and seed: this one was computed once and must never change."""
    made = divide(SplitPlan(seed=7), tenfold(10))
    told = hashlib.sha256(b"".join(part.astype("<i8").tobytes() for part in made.parts().values()))
    assert told.hexdigest()[:16] == "75817659a31de576"


def test_another_seed_gives_another_split() -> None:
    """The seed decides who goes where."""
    one, other = (divide(SplitPlan(seed=seed), LABELS) for seed in (0, 1))
    assert not np.array_equal(one.test, other.test)


def test_the_order_of_files_does_not_matter() -> None:
    """A picture goes to the same part however the disk lists it."""
    shuffled = np.random.default_rng(0).permutation(600)
    digests = contents(600)
    plain = divide(SplitPlan(), LABELS, digests=digests)
    mixed = divide(SplitPlan(), LABELS[shuffled], digests=digests[shuffled])
    assert set(shuffled[mixed.test].tolist()) == set(plain.test.tolist())


def test_asking_for_another_validation_part_leaves_the_test_part_alone() -> None:
    """What is sealed stays sealed when only validation changes."""
    tests = [
        divide(plan, LABELS).test for plan in (SplitPlan(), SplitPlan(val=33), SplitPlan(folds=4))
    ]
    assert np.array_equal(tests[0], tests[1])
    assert np.array_equal(tests[0], tests[2])


def test_a_smaller_subset_is_part_of_a_larger_one() -> None:
    """Growing a subset adds pictures and takes none away."""
    small, large = (
        divide(SplitPlan(subset=count), LABELS, official=OFFICIAL) for count in (100, 300)
    )
    kept = set(np.concatenate([large.train, large.val]).tolist())
    assert set(np.concatenate([small.train, small.val]).tolist()) <= kept


def test_folds_meet_every_training_picture_once() -> None:
    """Over all folds, each training picture is in validation exactly once."""
    parts = [
        divide(SplitPlan(folds=5, fold=fold), LABELS, official=OFFICIAL).val for fold in range(5)
    ]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(500))


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_what_belongs_together_stays_on_one_side(data: st.DataObject) -> None:
    """Whatever the groups and shares, no group is on two sides and no picture is lost."""
    count = data.draw(st.integers(60, 200))
    labels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)))
    groups = np.array(data.draw(st.lists(st.integers(0, 40), min_size=count, max_size=count)))
    plan = data.draw(
        st.sampled_from([SplitPlan(), SplitPlan(shares=(0.5, 0.5)), SplitPlan(folds=3)])
    )
    together = joined(count, groups=groups, pairs=[])
    try:
        made = divide(plan, labels, together=together)
    except DataError as error:
        assert "would be empty" in str(error)
        return
    everyone = np.concatenate(list(made.parts().values()))
    assert np.array_equal(np.sort(everyone), np.arange(count))
    sides = [set(groups[part].tolist()) for part in made.parts().values()]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def test_ties_cost_little_balance() -> None:
    """With a tenth of the pictures tied in pairs, parts still have the sizes asked for."""
    together = np.arange(600)
    together[1:60:2] = together[0:60:2]
    assert sizes(divide(SplitPlan(), LABELS, together=together)) == (480, 60, 60)


def test_chains_of_duplicates_are_one_group() -> None:
    """If one is like two and two is like three, all three stay together."""
    pairs = [(np.array([0, 4]), np.array([1, 5])), (np.array([1]), np.array([2]))]
    together = joined(7, groups=np.array([9, 8, 7, 6, 5, 4, 6]), pairs=pairs)
    assert together.tolist() == [0, 0, 0, 3, 4, 4, 3]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            SplitPlan(subset=501),
            "--subset must be at most the size of the training part, 500 pictures, but is 501.",
        ),
        (
            SplitPlan(val=500),
            "--val must be smaller than the training part, which has 500 pictures, but is 500.",
        ),
        (
            SplitPlan(folds=501),
            "--folds must be at most the number of training pictures, 500, but is 501.",
        ),
    ],
)
def test_parts_that_cannot_be_made_are_refused(plan: SplitPlan, message: str) -> None:
    """Asking for more than there is names the option and what there is."""
    with pytest.raises(DataError) as caught:
        divide(plan, LABELS, official=OFFICIAL)
    assert str(caught.value) == message


def test_asking_for_the_official_split_needs_one() -> None:
    """`official` is never answered with a split of ours."""
    plan = SplitPlan(shares="official")
    assert np.array_equal(divide(plan, LABELS, official=OFFICIAL).test, np.arange(500, 600))
    with pytest.raises(DataError) as caught:
        divide(plan, LABELS)
    assert str(caught.value) == (
        "--split official needs a source that says which pictures are for testing, and this one "
        "does not. Leave --split out for 80/10/10, or give shares such as 80/20."
    )


def test_an_empty_part_is_refused() -> None:
    """If one group holds everything there is no honest split."""
    with pytest.raises(DataError, match=r"the (val|test) part of the split would be empty"):
        divide(SplitPlan(), LABELS, together=np.zeros(600, np.int64))
