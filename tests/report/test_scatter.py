"""Sizes as a drawing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from bakeoff.report.scatter import HEIGHT, WIDTH, scatter


def sizes(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Sides of pictures."""
    return np.array(values, np.int32)


def test_one_size_needs_no_drawing() -> None:
    """A single dot would say nothing."""
    assert scatter(sizes(32, 32), sizes(24, 24)) == ""


def test_each_size_is_one_dot() -> None:
    """Dots lie within the drawing, further right and up for larger sizes, larger for more."""
    drawing = ElementTree.fromstring(scatter(sizes(100, 100, 100, 400), sizes(50, 50, 50, 300)))
    small, large = [
        {name: float(value) for name, value in one.attrib.items()} for one in drawing.iter("circle")
    ]
    assert small["cx"] < large["cx"] <= WIDTH
    assert HEIGHT > small["cy"] > large["cy"] >= 0
    assert small["r"] > large["r"]


def test_many_sizes_are_gathered() -> None:
    """Thousands of sizes make a drawing of bounded length, and none is lost off the edge."""
    random = np.random.default_rng(0)
    widths, heights = random.integers(10, 4000, (2, 20_000)).astype(np.int32)
    drawing = scatter(widths, heights)
    assert 500 < drawing.count("<circle") < 3000
    assert max(float(x) for x in re.findall(r'cx="([\d.]+)"', drawing)) <= WIDTH
    assert min(float(y) for y in re.findall(r'cy="([\d.]+)"', drawing)) >= 0


def test_axes_end_on_round_numbers() -> None:
    """The scales are those a person would draw, also for pictures of uncommon size."""
    drawing = ElementTree.fromstring(scatter(sizes(10, 333), sizes(10, 90_001)))
    labels = [one.text for one in drawing.iter("text")]
    assert "400" in labels
    assert "90,004" in labels
