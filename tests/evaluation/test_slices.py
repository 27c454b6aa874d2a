"""Parts of the pictures, and which are worse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact

from bakeoff.evaluation.slices import FEWEST, Group, by_class, quarters, sliced


def group(name: str, members: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Group:
    """A class of that name."""
    return Group(kind="class", name=name, detail="", members=members)


def test_a_slice_that_is_surely_worse_is_called_so() -> None:
    """Half right against nine tenths is worse; the sentence has figures, n and the test."""
    members = np.arange(1000) < 100
    correct = np.where(members, np.arange(1000) % 2 == 0, np.arange(1000) % 10 > 0)
    found = sliced(correct, [group("cat", members)])[0]
    assert found.outcome == "worse"
    assert (found.accuracy.value, found.accuracy.n, found.rest.n) == (0.5, 100, 900)
    assert found.words == (
        "The class 'cat': 50.0% of 100 pictures (40.4%–59.6%), 40.0 pp below the other 900 "
        "(90.0%; p < .001 after Holm's correction)."
    )


def test_many_slices_of_nothing_are_rarely_called_worse() -> None:
    """Of slices that differ by chance alone, Holm's correction lets one in twenty tries pass."""
    random = np.random.default_rng(0)
    false = 0
    for _ in range(60):
        correct = random.random(600) < 0.8
        kinds = random.integers(0, 10, 600)
        told = sliced(correct, [group(str(kind), kinds == kind) for kind in range(10)])
        false += any(one.outcome in ("worse", "better") for one in told)
    assert false <= 6


def test_few_pictures_are_not_judged() -> None:
    """A slice of fewer than 30 says so, however bad it is, and costs the others nothing."""
    members = np.arange(1000) < FEWEST - 1
    half = np.arange(1000) % 2 == 0
    found = sliced(~members, [group("rare", members), group("half", half)])
    assert found[0].outcome == "too few"
    assert found[0].words == (
        "The class 'rare': 0.0% of 29 pictures (0.0%–11.7%); too few to compare with the rest."
    )
    assert found[1].adjusted == found[1].p


def test_the_test_is_fishers() -> None:
    """The p-value is twice the smaller tail of Fisher's exact test."""
    random = np.random.default_rng(1)
    correct, members = random.random(200) < 0.7, random.random(200) < 0.3
    rows = [[(correct & side).sum(), (~correct & side).sum()] for side in (members, ~members)]
    table = np.array(rows, np.int64)
    tails = [fisher_exact(table, alternative=way)[1] for way in ("less", "greater")]
    assert sliced(correct, [group("a", members)])[0].p == pytest.approx(min(2 * min(tails), 1))


def test_quarters_by_value() -> None:
    """Four parts of equal size, named by their ends, with the values they hold."""
    found = quarters(np.arange(100, dtype=float), "brightness")
    assert [one.name for one in found] == [
        "the darkest quarter",
        "brightness 2 of 4",
        "brightness 3 of 4",
        "the brightest quarter",
    ]
    assert [int(one.members.sum()) for one in found] == [25, 25, 25, 25]
    assert found[0].detail == "mean value, 0 to 255: 0 to 24"


def test_quarters_of_values_that_repeat() -> None:
    """Where all pictures have one size there are no slices by it; where two have, there are two."""
    assert quarters(np.full(50, 32.0), "size") == []
    found = quarters(np.repeat([32.0, 64.0], 25), "size")
    assert [one.name for one in found] == ["the smallest half", "the largest half"]
    assert (np.stack([one.members for one in found]).sum(axis=0) == 1).all()


def test_classes_without_pictures_are_left_out() -> None:
    """A class that no picture has is no slice, nor is one that all have."""
    groups = by_class(np.array([0, 0, 2]), ("a", "b", "c"))
    assert [one.name for one in groups] == ["a", "c"]
    assert sliced(np.ones(3, bool), by_class(np.zeros(3, np.int64), ("a", "b"))) == ()
