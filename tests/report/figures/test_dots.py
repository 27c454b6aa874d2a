"""Accuracy as dots."""

from __future__ import annotations

import pytest

from bakeoff.report.result import Result
from tests.report.figures.seen import across, texts, up


def test_dots_and_intervals_are_the_numbers(few: Result) -> None:
    """Each contender has its value, its interval and its seeds on its own row."""
    axes = few.plot_accuracy()
    rows = [few.contender(name) for name in few.names[:4]]
    for place, row in enumerate(rows):
        found = row["numbers"]["accuracy"]
        (low, at), (high, _) = axes.collections[place].get_segments()[0]  # type: ignore[attr-defined]
        assert (low, high, at) == (found["low"], found["high"], place)
        lines = [line for line in axes.lines if place in up(line)]
        drawn = {x for line in lines for x in across(line)}
        assert drawn == {found["value"], *(run["accuracy"] for run in row["runs"])}
    assert [one.get_text() for one in axes.get_yticklabels()] == list(few.names[:4])


def test_what_was_measured_is_said(few: Result, many: Result) -> None:
    """Pictures, part, seeds and level stand below; values stand beside."""
    assert few.plot_accuracy().get_xlabel() == (
        "accuracy on 300 test pictures × 2 seeds, 95% intervals"
    )
    assert "on 400 validation pictures × 1 seed, 95%" in many.plot_accuracy().get_xlabel()
    assert "92.0%  (88.9–95.1%)" in texts(few.plot_accuracy())


def test_the_winner_stands_out_by_shape(few: Result) -> None:
    """One diamond, for the winner; those not told from it are filled."""
    marks = {
        up(line)[0]: line for line in few.plot_accuracy().lines if line.get_marker() in ("D", "o")
    }
    assert [marks[row].get_marker() for row in range(4)] == ["D", "o", "o", "o"]
    filled = [marks[row].get_markerfacecolor() == marks[row].get_color() for row in range(4)]
    assert filled == [True, True, False, False]


def test_crashed_contenders_have_no_dot(few: Result) -> None:
    """Who has no numbers is on the scoreboard, not in the figure."""
    assert "broken-1" in few.names
    assert "broken-1" not in texts(few.plot_accuracy())
    assert len(few.plot_accuracy().collections) == pytest.approx(4)
