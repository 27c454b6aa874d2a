"""Colours that can be told apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.report.figures.colours import THEMES, ThemeName

RED_GREEN = {
    "full": np.eye(3),
    "no red": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no green": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
}
"""What eyes without one kind of cones make of linear red, green and blue (Machado 2009)."""


def _linear(colour: str) -> npt.NDArray[np.float64]:
    levels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _contrast(one: str, other: str) -> float:
    low, high = sorted(float(_linear(each) @ (0.2126, 0.7152, 0.0722)) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_contrast(name: ThemeName) -> None:
    """Text has a contrast of 4.5 to 1 with the background, and everything drawn 3 to 1."""
    theme = THEMES[name]
    assert min(_contrast(text, theme.back) for text in (theme.ink, theme.soft)) >= 4.5
    assert min(_contrast(text, theme.back) for text in (theme.good, theme.bad)) >= 4.5
    assert min(_contrast(drawn, theme.back) for drawn in theme.series) >= 3


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("eyes", RED_GREEN)
def test_good_and_bad_differ_for_all_eyes(name: ThemeName, eyes: str) -> None:
    """Better and worse, and any two contenders in a row, are far apart for the colour-blind."""
    theme = THEMES[name]
    seen = {
        colour: np.cbrt(np.clip(RED_GREEN[eyes] @ _linear(colour), 0, 1))
        for colour in (theme.good, theme.bad, *theme.series)
    }
    assert np.linalg.norm(seen[theme.good] - seen[theme.bad]) > 0.25
    for one, other in combinations(theme.series, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 0.2, (one, other)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_colours_of_a_theme_differ(name: ThemeName) -> None:
    """No colour stands for two things: a figure is recoloured by them."""
    theme = THEMES[name]
    every = (theme.back, theme.ink, theme.soft, theme.line, theme.good, theme.bad, *theme.series)
    assert len(set(every)) == len(every)
