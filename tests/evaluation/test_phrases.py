"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from bakeoff.evaluation.phrases import chance, count, duration, listed, points, share, size


def test_shares_and_points() -> None:
    """Percent carry their sign, points a true minus, and nothing is less than nothing."""
    assert (share(0.9405), share(0.94051, 2)) == ("94.0%", "94.05%")
    assert (points(0.012), points(-0.012), points(-0.0001)) == ("1.2", "−1.2", "0.0")


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (1e-9, "p < .001"),
        (0.0031, "p = .003"),
        (0.0494, "p = .049"),
        (0.0499, "p = .050"),
        (0.123, "p = .12"),
        (1.0, "p = 1"),
    ],
)
def test_chances(p: float, text: str) -> None:
    """As they are printed in journals."""
    assert chance(p) == text


def test_counts_and_lists() -> None:
    """In the singular where it is one; of many names the first few."""
    assert (count(1, "seed"), count(12000, "picture")) == ("1 seed", "12,000 pictures")
    assert (count(1, "class"), count(10, "class")) == ("1 class", "10 classes")
    assert [listed(list("abcdefg"[:n])) for n in (1, 2, 3, 7)] == [
        "a",
        "a and b",
        "a, b and c",
        "a, b, c, d and 3 others",
    ]


def test_costs() -> None:
    """In the unit that keeps them short."""
    assert (duration(0.00213), duration(1.5), duration(0.12)) == ("2.13 ms", "1.5 s", "120 ms")
    assert (duration(0.00027), duration(0.9999)) == ("270 µs", "1 s")
    assert (size(44_800_000), size(1_250_000_000)) == ("44.8 MB", "1.25 GB")
    assert (size(15_800), size(999_900), size(420)) == ("15.8 kB", "1 MB", "420 B")
