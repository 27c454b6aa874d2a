"""Sides that fit."""

from __future__ import annotations

import pytest

from bakeoff import recipes
from bakeoff.recipes.adapt import adapted
from bakeoff.runs.sizing import LARGEST, sized


@pytest.mark.parametrize(
    ("name", "side", "size"),
    [
        ("cnn3-deep", 8, None),
        ("cnn3", 8, 24),
        ("cnn3", 32, None),
        ("cnn10", 8, 32),
        # Its table takes 8 pixels; a blank square of 8 would leave nothing of them.
        ("wide-resnet", 8, 16),
        ("cnn3", 500, LARGEST),
        ("linear", 500, None),
        ("resnet18", 500, None),
    ],
)
def test_what_fits(name: str, side: int, size: int | None) -> None:
    """Networks from scratch get the pictures' side, the next that fits, or 64; others need none."""
    made = sized(recipes.get(name), side=side, classes=10)
    assert made.preprocess.size == size


def test_what_is_asked_for_comes_first() -> None:
    """A size that is given, or the recipe's own, is not argued with; backbones have their own."""
    assert sized(recipes.get("cnn3"), side=8, classes=10, size=48).preprocess.size == 48
    own = adapted(recipes.get("cnn3"), size=40)
    assert sized(own, side=8, classes=10).preprocess.size == 40
    assert sized(recipes.get("resnet18"), side=8, classes=10, size=48).preprocess.size is None
