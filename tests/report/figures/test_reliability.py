"""Reliability diagrams."""

from __future__ import annotations

import pytest

from bakeoff.report.figures.reliability import SHARE
from bakeoff.report.result import Result
from tests.report.figures.seen import across, up


def test_bins_are_the_numbers(few: Result) -> None:
    """Dots at confidence and accuracy, bars as high as bins are full, empty bins left out."""
    axes = few.plot_reliability("cnn10")
    bins = [one for one in few.contender("cnn10")["reliability"]["bins"] if one["count"]]
    dots = next(line for line in axes.lines if line.get_label() == "accuracy")
    assert across(dots) == [one["confidence"] for one in bins]
    assert up(dots) == [one["accuracy"] for one in bins]
    most = max(one["count"] for one in bins)
    assert [bar.get_height() for bar in axes.patches] == pytest.approx(  # type: ignore[attr-defined]
        [SHARE * one["count"] / most for one in bins]
    )
    error = few.contender("cnn10")["reliability"]["ece"]
    assert f"expected calibration error {100 * error:.1f}%" in axes.get_xlabel()
