"""Who is chosen, on validation alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.evaluation.choice import Candidate, Choice, Wishes, cheapest, choose, seen_from
from tests.evaluation.simulated import right

HITS = {"big": 9010, "small": 9000, "linear": 6000}
COSTS = {"big": (0.03, 90_000_000), "small": (0.002, 1_000_000), "linear": (0.0001, 2_000_000)}


def contenders(hits: dict[str, int] = HITS) -> list[Candidate]:
    """With these validation pictures of 10,000 right."""
    return [
        Candidate(
            name=name, validation=number / 10_000, latency=COSTS[name][0], size=COSTS[name][1]
        )
        for name, number in hits.items()
    ]


def correct(hits: dict[str, int] = HITS) -> dict[str, npt.NDArray[np.bool_]]:
    """The first so many pictures are right."""
    return {name: right(number, 10_000) for name, number in hits.items()}


def chosen(wishes: Wishes, hits: dict[str, int] = HITS) -> Choice:
    """Among contenders with so many right."""
    return choose(contenders(hits), correct(hits), wishes)


def test_the_most_accurate_is_chosen() -> None:
    """Without other wishes it is the best on validation; who is tied and cheaper is known."""
    found = chosen(Wishes())
    assert (found.name, found.best, found.tied, found.cheapest) == (
        "big",
        "big",
        ("small",),
        "small",
    )
    assert [pair.outcome for pair in found.pairs] == ["tied", "better", "better"]


@pytest.mark.parametrize("prefer", ["latency", "size"])
def test_the_cheapest_of_the_tied_is_chosen(prefer: str) -> None:
    """By cost it is the cheapest of those as good as the best, and not the cheapest of all."""
    wishes = Wishes(prefer="latency" if prefer == "latency" else "size")
    assert chosen(wishes).name == "small"
    assert chosen(wishes, {**HITS, "small": 8900}).name == "big"


def test_as_good_as_can_be_seen() -> None:
    """On few pictures who is within the margin counts as good, though nothing shows a tie; who is
    farther behind does not, though nothing shows a difference."""
    near = {"big": right(91, 200), "small": right(90, 200)}
    far = {"big": right(94, 200), "small": right(90, 200)}
    for shown, wanted in ((near, "small"), (far, "big")):
        candidates = [
            Candidate(name=name, validation=float(runs.mean()), latency=COSTS[name][0])
            for name, runs in shown.items()
        ]
        found = choose(candidates, shown, Wishes(prefer="latency"))
        assert found.pairs[0].outcome == "can't tell"
        assert found.name == wanted


def test_limits_exclude_with_the_reason() -> None:
    """Who is too slow or too large takes no part, and is told by how much."""
    found = chosen(Wishes(max_latency=0.02, max_size=1_500_000))
    assert found.name == "small"
    assert found.excluded == {
        "big": "30 ms a picture, 20 ms at most; 90 MB, 1.5 MB at most",
        "linear": "2 MB, 1.5 MB at most",
    }
    assert found.pairs == ()


def test_nobody_keeps_the_limits() -> None:
    """Then nobody is chosen, and who misses them by the smallest factor is named."""
    found = chosen(Wishes(max_size=900_000))
    assert (found.name, found.best, found.cheapest) == (None, None, None)
    assert found.nearest == "small"
    assert set(found.excluded) == set(HITS)


def test_what_was_not_measured_keeps_no_limit() -> None:
    """A limit on a cost that is not known is not kept."""
    unknown = [Candidate(name="big", validation=0.9)]
    found = choose(unknown, correct(), Wishes(max_latency=1, max_size=1))
    assert found.excluded == {"big": "its latency was not measured; its size was not measured"}


def test_the_unfinished_take_no_part() -> None:
    """A contender without a result is not chosen, and need not have predictions."""
    crashed = Candidate(name="vgg", status="crashed", reason="out of memory")
    found = choose([crashed, *contenders()], correct(), Wishes())
    assert found.name == "big"
    nobody = choose([crashed], {}, Wishes())
    assert (nobody.name, nobody.nearest) == (None, None)


def test_equal_accuracy_goes_to_the_cheaper() -> None:
    """Of two with the same validation accuracy the faster is the best."""
    assert chosen(Wishes(), {"big": 9000, "small": 9000}).name == "small"


def test_cheapest() -> None:
    """The fastest or the smallest; unknown costs come last, and parameters tell equals apart."""
    some = contenders()
    assert (cheapest(some, "accuracy"), cheapest(some, "size")) == ("linear", "small")
    bare = [Candidate(name="a", parameters=9), Candidate(name="b", parameters=5)]
    assert cheapest(bare, "latency") == "b"
    assert cheapest([*bare, Candidate(name="c", latency=1.0)], "latency") == "c"


def test_pairs_from_either_side() -> None:
    """A pair is found in whichever order it was compared."""
    pairs = chosen(Wishes()).pairs
    assert seen_from("linear", "big", pairs).outcome == "worse"
    assert seen_from("big", "linear", pairs).outcome == "better"
    with pytest.raises(AssertionError, match="no pair of big and vgg"):
        seen_from("big", "vgg", pairs)
