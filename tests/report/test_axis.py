"""Axes of drawings."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.report.axis import linear, logarithmic

NUMBERS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)
POSITIVE = st.floats(min_value=1e-9, max_value=1e12)


@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_all_values_lie_on_a_linear_axis(values: list[float]) -> None:
    """Whatever the values, they lie between the ends and in order; ticks are few and inside."""
    axis = linear(values)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert places[0] >= 0
    assert places[-1] <= 100
    assert axis.low <= min(values)
    assert axis.high >= max(values)
    assert len(axis.ticks) <= 7


@given(st.lists(POSITIVE, min_size=1, max_size=8))
def test_all_values_lie_on_a_logarithmic_axis(values: list[float]) -> None:
    """The same for an axis of factors."""
    axis = logarithmic(values)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert axis.low < min(values)
    assert axis.high > max(values)
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((0.871, 0.963), (0.88, 0.9, 0.92, 0.94, 0.96)),
        ((0.0, 60.0), (0, 20, 40, 60)),
        ((0.2, 2.4), (0.5, 1.0, 1.5, 2.0)),
    ],
)
def test_ticks_are_round(values: tuple[float, ...], ticks: tuple[float, ...]) -> None:
    """Ticks are numbers that people count in."""
    assert linear(values, ticks=5 if values[0] > 0.5 else 4, room=0).ticks == ticks


def test_an_axis_keeps_within_its_bounds() -> None:
    """Room beyond the values ends at what is possible; values that are none are left out."""
    axis = linear([0.98, 1.0, math.nan], floor=0.0, ceiling=1.0)
    assert axis.high == 1.0
    assert linear([]).at(0.5) == pytest.approx(50, abs=5)


def test_factors_are_evenly_spaced() -> None:
    """On a logarithmic axis ten times is as far everywhere, and up is the other way round."""
    axis = logarithmic([1, 1000])
    assert axis.at(100) - axis.at(10) == pytest.approx(axis.at(10) - axis.at(1), abs=0.02)
    assert axis.at(10) + axis.up(10) == 100
    assert axis.ticks == (1, 10, 100, 1000)
    assert logarithmic([0.9, 4]).ticks == (1, 2, 5)
