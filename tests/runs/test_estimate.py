"""What runs will take, about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bakeoff import recipes
from bakeoff.recipes.adapt import adapted
from bakeoff.runs.estimate import Pace, estimate, pace, short_side
from bakeoff.runs.sizing import sized
from bakeoff.spec.training import Budget
from tests.runs.digits import digits
from tests.training.jobs import DEVICE

SLOW, FAST = Pace(flops=1e9, cores=1), Pace(flops=1e12, cores=16)
DATA = digits(1000)


@pytest.mark.parametrize("name", sorted(recipes.RECIPES))
def test_every_recipe_has_one(name: str) -> None:
    """A number of seconds, less on a faster machine, and less at least than in full."""
    recipe = recipes.get(name)
    if name == "zero-shot-clip" or "dinov2" in name or "resnet50" in name:
        recipe = adapted(recipe, weights="random")
    recipe = sized(recipe, side=8, classes=10)
    slow, fast = (estimate(recipe, DATA, one, Budget(epochs=1)) for one in (SLOW, FAST))
    assert 0 < fast.seconds < slow.seconds
    assert fast.least <= 2 * fast.seconds + 1


def test_epochs_count() -> None:
    """Twice the epochs, twice the steps and nearly twice the time."""
    recipe = sized(recipes.get("cnn3"), side=8, classes=10)
    one, two = (estimate(recipe, DATA, SLOW, Budget(epochs=n)) for n in (50, 100))
    assert two.steps == pytest.approx(2 * one.steps, abs=1)
    assert two.seconds == pytest.approx(2 * one.seconds, rel=0.2)


@pytest.mark.parametrize(
    ("name", "fills"),
    [("cnn3", True), ("vgg16-frozen", False), ("vgg16", True), ("forest", False)],
)
def test_who_uses_up_its_time(name: str, fills: bool) -> None:
    """Networks that are trained on pictures do; heads on frozen features and estimators end."""
    recipe = sized(recipes.get(name), side=8, classes=10)
    assert estimate(recipe, DATA, FAST, None).fills == fills


def test_this_machine() -> None:
    """The pace of a processor is measured, and is that of one."""
    found = pace(replace(DEVICE, threads=1))
    assert 1e6 < found.flops < 1e14
    assert (found.cores, found.is_gpu) == (1, False)


def test_the_short_side() -> None:
    """Of most pictures."""
    assert short_side(DATA) == 8
