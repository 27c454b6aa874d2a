"""What would tell two contenders apart."""

from __future__ import annotations

from statistics import NormalDist

import pytest

from bakeoff.evaluation.power import Need, Parts, needed

ONE = Parts(pictures=500, seeds=1, picture=0.05)


def several(picture: float, rest: float, run: float, *, n: int = 1000, seeds: int = 3) -> Parts:
    """Two contenders that vary alike."""
    return Parts(pictures=n, seeds=seeds, picture=picture, rest=(rest, rest), run=(run, run))


def test_one_seed_is_the_textbooks() -> None:
    """Pictures for 80% power are those of the formula, with the exact test's correction."""
    found = needed(ONE, 0.02, margin=0.0)
    normal = NormalDist()
    textbook = (normal.inv_cdf(0.975) + normal.inv_cdf(0.8)) ** 2 * 0.05 / 0.02**2 + 2 / 0.02
    assert found.pictures is not None
    assert found.pictures + 500 == pytest.approx(textbook, rel=0.05)
    assert found.seeds is None


def test_smaller_differences_and_more_pairs_need_more() -> None:
    """Half the difference takes about four times the pictures; a stricter level more, too."""
    near, far, strict = (
        needed(ONE, 0.01, margin=0.0).pictures,
        needed(ONE, 0.02, margin=0.0).pictures,
        needed(ONE, 0.02, margin=0.0, alpha=0.005).pictures,
    )
    assert near is not None
    assert far is not None
    assert strict is not None
    assert 3.5 < (near + 500) / (far + 500) < 4.5
    assert strict > 1.4 * far


def test_equals_are_told_by_the_margin() -> None:
    """Where nothing is between them, as many pictures are needed as show them to be tied."""
    tied = needed(ONE, 0.0, margin=0.005)
    assert tied.pictures is not None
    assert needed(ONE, 0.0, margin=0.0) == Need(pictures=None, seeds=None)
    half = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.9)
    assert tied.pictures == pytest.approx(half**2 * 0.05 / 0.005**2, rel=0.05)


def test_seeds_where_pictures_cannot_help() -> None:
    """If runs differ by more than contenders do, only more runs can tell."""
    found = needed(several(0.01, 0.001, 0.01**2, n=100_000), 0.01, margin=0.005)
    assert found.pictures is None
    assert found.seeds is not None
    assert 5 <= found.seeds <= 30


def test_pictures_where_seeds_cannot_help() -> None:
    """If runs agree and pictures are few, only more pictures can tell."""
    found = needed(several(0.05, 0.001, 0.0, n=300), 0.02, margin=0.005)
    assert found.seeds is None
    assert found.pictures is not None


def test_sometimes_both_are_needed() -> None:
    """With few pictures and unsteady runs neither alone will do."""
    found = needed(several(0.05, 0.03, 0.02**2, n=300), 0.01, margin=0.0)
    assert found == Need(pictures=None, seeds=None)
    assert found.words == ""


def test_words() -> None:
    """Each way is named, in the singular where it is one."""
    assert Need(pictures=4300, seeds=1).words == "4,300 more pictures or 1 more seed"
    assert Need(pictures=None, seeds=2).words == "2 more seeds"
    assert Need(pictures=1, seeds=None).words == "1 more picture"
    assert Need(pictures=1, seeds=None).sentence == "About 1 more picture would tell"
    assert Need(pictures=None, seeds=None).sentence == "No more pictures or seeds alone would tell"


def test_no_number_beyond_a_hundred_times() -> None:
    """What far more pictures would tell is said without a number; with enough it has one."""
    few = Parts(pictures=9, seeds=1, picture=0.5)
    assert needed(few, 0.0, margin=0.005) == Need(pictures=None, seeds=None, far=True)
    many = needed(Parts(pictures=9000, seeds=1, picture=0.5), 0.0, margin=0.005)
    assert many.pictures is not None
    assert not many.far
    assert not needed(few, 0.0, margin=0.0).far


def test_two_figures() -> None:
    """An estimate is not printed as if it were counted."""
    found = needed(ONE, 0.0123, margin=0.0).pictures
    assert found is not None
    assert found % 100 == 0
