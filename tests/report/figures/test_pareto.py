"""Quality against cost."""

from __future__ import annotations

import pytest

from bakeoff.report.figures.pareto import draw, front
from bakeoff.report.result import Result
from bakeoff.spec.errors import SpecError
from tests.report.figures.seen import across, overlapping, texts, up


def test_points_are_the_numbers(few: Result) -> None:
    """Each contender stands at its cost and its accuracy, under its name."""
    for cost in ("latency", "throughput", "parameters"):
        axes = few.plot_pareto(cost)
        points = {
            (across(line)[0], up(line)[0]) for line in axes.lines if line.get_marker() in ("D", "o")
        }
        rows = [few.contender(name) for name in few.names[:4]]
        assert points == {(one["cost"][cost], one["numbers"]["accuracy"]["value"]) for one in rows}
        assert set(few.names[:4]) <= set(texts(axes))
        assert all("$" not in label.get_text() for label in axes.get_xticklabels())


def test_who_is_beaten() -> None:
    """The front: nobody is both cheaper and better than its points."""
    points = [(1.0, 0.5), (2.0, 0.4), (2.0, 0.7), (3.0, 0.7), (9.0, 0.9)]
    assert front(points) == [0, 2, 4]
    assert front(points, more_is_better=True) == [4]


def test_names_of_crowded_points_stay_apart() -> None:
    """A dozen contenders of almost the same quality and cost can all be read."""
    rows = [
        {
            "name": f"contender-{number}",
            "cost": {"latency": 0.01 * 1.02**number},
            "numbers": {"accuracy": {"value": 0.9 + number % 3 / 500, "low": 0.89, "high": 0.91}},
        }
        for number in range(12)
    ]
    axes = draw(rows)
    assert overlapping(axes) == []
    assert {row["name"] for row in rows} <= set(texts(axes))


def test_a_cost_that_is_none(few: Result) -> None:
    """A misspelt cost is named, with those there are."""
    with pytest.raises(SpecError) as caught:
        few.plot_pareto("latancy")
    assert str(caught.value).startswith(
        "cost must be one of those that are measured, but is 'latancy'. Did you mean 'latency'?"
    )
