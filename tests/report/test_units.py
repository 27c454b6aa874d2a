"""Numbers as they are written."""

from __future__ import annotations

from typing import Any

import pytest

from bakeoff.report.units import MISSING, digits, percent, points, written


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (11_181_642, "count", "11.2 M"),
        (812, "count", "812"),
        (999_960, "count", "1 M"),
        (44_800_000, "size", "44.8 MB"),
        (640, "size", "640 B"),
        (1e9, "size", "1 GB"),
        (0.0121, "seconds", "12.1 ms"),
        (0.0009, "seconds", "900 µs"),
        (14, "seconds", "14 s"),
        (95, "seconds", "1 min 35 s"),
        (59.96, "seconds", "1 min"),
        (1480, "seconds", "24 min"),
        (5312, "seconds", "1 h 29 min"),
        (3600, "seconds", "1 h"),
        (820.4, "rate", "820/s"),
        (3.14159, "rate", "3.14/s"),
        (18, "number", "18"),
        (12.0, "number", "12"),
        (12.5, "number", "12.5"),
        (True, "plain", "yes"),
        (False, "plain", "no"),
        (0.1654, "plain", "0.165"),
        ("flip, crop", "plain", "flip, crop"),
        (None, "size", MISSING),
        ("", "plain", MISSING),
        (float("nan"), "plain", MISSING),
    ],
)
def test_each_kind_has_its_unit(value: Any, unit: str, text: str) -> None:
    """A value is written in its unit, with as many figures as it bears."""
    assert written(value, unit) == text


def test_shares() -> None:
    """Percentages and differences of them, with a sign that is never that of nothing."""
    assert percent(0.9412) == "94.1%"
    assert percent(0.9412, 2) == "94.12%"
    assert [points(value) for value in (0.012, -0.012, 0.0001, -0.0001)] == [
        "+1.2",
        "−1.2",
        "0.0",
        "0.0",
    ]


def test_decimals_follow_the_intervals() -> None:
    """Two decimals only where intervals are narrower than half a point."""
    assert digits([0.004, 0.003, 0.02]) == 2
    assert digits([0.01, 0.02]) == 1
    assert digits([]) == 1
