"""Per-class bars."""

from __future__ import annotations

import pytest

from bakeoff.report.figures.classes import MOST
from bakeoff.report.result import Result
from tests.report.figures.seen import across


def test_bars_and_marks_are_the_numbers(few: Result) -> None:
    """F1, precision and recall of each class, in the order of the classes, with its support."""
    axes = few.plot_classes("cnn10")
    classes = few.contender("cnn10")["classes"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(  # type: ignore[attr-defined]
        [one["f1"] for one in classes]
    )
    drawn = {line.get_label(): across(line) for line in axes.lines}
    for kind in ("precision", "recall"):
        assert drawn[kind] == [one[kind] for one in classes]
    first = axes.get_yticklabels()[0].get_text()
    assert first == f"plane ({classes[0]['support']})"


def test_of_many_classes_the_worst_are_shown(many: Result) -> None:
    """More than fit: those with the lowest F1, and the title says so."""
    name = many.names[0]
    axes = many.plot_classes(name)
    scores = sorted(one["f1"] for one in many.contender(name)["classes"])
    assert [bar.get_width() for bar in axes.patches] == scores[:MOST]  # type: ignore[attr-defined]
    assert axes.get_title(loc="left").startswith(f"{MOST} of 100 classes, worst: ")
