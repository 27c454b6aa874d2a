"""Quality against cost."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from bakeoff.report.trade import HEIGHT, LETTERS, trade


def facts(*contenders: tuple[str, float, float | None]) -> dict[str, Any]:
    """A result of contenders with these accuracies and latencies."""
    return {
        "verdict": {"winner": contenders[0][0], "tied": []},
        "contenders": [
            {
                "name": name,
                "cost": {"latency": cost},
                "numbers": {
                    "accuracy": {
                        "value": value,
                        "low": value - 0.01,
                        "high": min(value + 0.01, 1.0),
                        "n": 1000,
                    }
                },
            }
            for name, value, cost in contenders
        ],
    }


def test_the_front_is_what_nobody_beats() -> None:
    """Better at no more cost, or cheaper at no less quality, takes a contender off the front."""
    found = trade(
        facts(("best", 0.95, 0.1), ("dear", 0.94, 0.2), ("cheap", 0.8, 0.01), ("bad", 0.7, 0.05)),
        "latency",
    )
    assert found is not None
    assert {point.name for point in found.points if point.front} == {"best", "cheap"}
    assert len(found.front.split()) == 3


def test_up_is_better_and_left_is_cheaper() -> None:
    """Places follow accuracy and cost; an interval lies around its point."""
    found = trade(facts(("good", 0.99, 0.1), ("poor", 0.5, 0.001)), "latency")
    assert found is not None
    points = {point.name: point for point in found.points}
    assert points["good"].down < points["poor"].down
    assert points["poor"].across < points["good"].across
    for point in found.points:
        assert point.high < point.down < point.low
    assert points["good"].text == "good: 99.0%, 100 ms"


def test_what_has_no_cost_is_not_drawn() -> None:
    """With fewer than two that were measured there is nothing to compare."""
    assert trade(facts(("one", 0.9, 0.1), ("two", 0.8, None)), "latency") is None


def test_names_do_not_lie_on_each_other() -> None:
    """Names of contenders at one place are moved down, each by a line."""
    found = trade(facts(*[(f"contender-{i}", 0.9 - i / 1e4, 0.1) for i in range(4)]), "latency")
    assert found is not None
    places = sorted(HEIGHT * point.down / 100 + point.shift for point in found.points)
    assert all(after - before >= LETTERS - 1 for before, after in pairwise(places))


def test_accuracy_of_one_can_be_drawn() -> None:
    """No mistakes at all is the top of the drawing, not the end of it."""
    found = trade(facts(("all", 1.0, 0.1), ("most", 0.99, 0.2)), "latency")
    assert found is not None
    assert min(point.high for point in found.points) >= 0
    assert len(found.down) >= 2
