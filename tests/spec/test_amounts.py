"""Amounts with their units."""

from __future__ import annotations

import pytest

from bakeoff.spec.amounts import parse_latency, parse_size
from bakeoff.spec.errors import SpecError


@pytest.mark.parametrize(
    ("text", "seconds"), [("20ms", 0.02), ("0.5 s", 0.5), ("300us", 3e-4), ("1.5MS", 1.5e-3)]
)
def test_latencies(text: str, seconds: float) -> None:
    """A latency is an amount with its unit."""
    assert parse_latency(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "size"), [("10MB", 10_000_000), ("1.5 gb", 1_500_000_000)])
def test_sizes(text: str, size: int) -> None:
    """A size is an amount with its unit."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["20", "ms", "-3ms", "0ms", "3 parsecs"])
def test_no_latency(text: str) -> None:
    """What is no latency is told with an example."""
    with pytest.raises(SpecError) as caught:
        parse_latency(text)
    assert str(caught.value) == (
        f"--max-latency must be an amount with its unit, but is {text!r}. Write it like 20ms."
    )
