"""How time is divided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bakeoff.runs.allotment import Allotment


def allotment(seconds: float | None = 100.0, spent: float = 10.0) -> Allotment:
    """With everything measured in no time at all."""
    return Allotment(seconds=seconds, spent=lambda: spent, measuring=[0.0], looks={"x": 0.0})


def end(found: Allotment) -> float:
    """What is set aside, as what two equal runs do not get."""
    share = found.share("a", filling=2, others={}, unmeasured=0, seeds=1)
    assert share is not None
    assert found.seconds is not None
    return found.seconds - found.spent() - 2 * share


def test_without_a_budget() -> None:
    """As long as it takes."""
    assert allotment(None).share("a", filling=1, others={}, unmeasured=0, seeds=1) is None


def test_equal_shares() -> None:
    """What is left once the end has its part, in equal parts."""
    found = allotment()
    share = found.share("a", filling=4, others={"b": 2}, unmeasured=0, seeds=2)
    assert share == pytest.approx((90 - end(found)) / 4)
    of_b = found.share("b", filling=4, others={"b": 2}, unmeasured=0, seeds=2)
    assert of_b == pytest.approx((90 - end(found)) / 6)


def test_what_is_left_over_goes_to_the_rest() -> None:
    """Runs that end when they are done are counted by what they took, not by an equal part."""
    found = allotment()
    found.used["b"] = 3.0
    share = found.share("a", filling=4, others={"b": 2}, unmeasured=0, seeds=2)
    assert share == pytest.approx((90 - end(found) - 6) / 4)


def test_who_ended_before_is_not_cut() -> None:
    """A run that ends by itself gets half as much again as it took, should its part be less."""
    found = allotment()
    found.used["b"] = 20.0
    assert found.share("b", filling=9, others={"b": 1}, unmeasured=0, seeds=2) == 30.0


def test_the_end_is_set_aside() -> None:
    """Measuring, the test part of each seed and the report come out of the budget, too."""
    found = allotment()
    before = end(found)
    found.looks["x"] = 2.0
    assert end(found) == pytest.approx(before + 2.0)
    found.measuring.append(5.0)
    some = found.share("a", filling=2, others={}, unmeasured=3, seeds=1)
    assert some is not None
    # Three more to measure, five seconds each at worst, with two seconds of test each.
    assert 90 - 2 * some >= before + 2 + 3 * (5 + 2)


def test_never_nothing() -> None:
    """A run that begins gets a second, whatever is left."""
    assert allotment(5.0).share("a", filling=1, others={}, unmeasured=0, seeds=1) == 1.0


def test_a_champion_takes_time() -> None:
    """What the dearest one takes to be made is set aside, unless none is made."""
    without = Allotment(seconds=100, spent=lambda: 0.0, looks={"a": 0.0, "b": 0.0})
    made = replace(without, champion=True, crowns={"a": 3.0, "b": 7.0})
    left = [one.left(0, 1) for one in (without, made)]
    assert left[0] is not None
    assert left[1] is not None
    assert left[0] - left[1] == pytest.approx(11.0)
