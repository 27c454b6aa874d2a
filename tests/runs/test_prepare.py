"""From a recipe and a dataset to what the engine wants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bakeoff.data.progress import silent
from bakeoff.runs import prepare
from bakeoff.runs.prepare import (
    initial_pictures,
    prepared,
    refuse_sizes,
    scaled,
    settled,
    settled_stages,
)
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from tests.runs.digits import digits, recipe
from tests.training.jobs import backbone, stage


def settle(declared: Recipe) -> Recipe:
    """With nobody watching."""
    return settled(declared, digits(), progress=silent)


def test_what_is_open_is_filled_in() -> None:
    """Size from the pictures, mean and deviation from the training part alone."""
    made = settle(recipe(preprocess=Preprocess()))
    assert made.preprocess.size == 8
    train = digits().listing.pictures.array[digits().split.train] / 255  # type: ignore[union-attr]
    assert made.preprocess.mean == pytest.approx(train.mean((0, 1, 2)), abs=1e-6)
    assert made.preprocess.std == pytest.approx(train.std((0, 1, 2)), abs=1e-6)
    assert settle(made) == made


def test_what_is_given_stays() -> None:
    """A size, a mean and a deviation that a recipe gives are not touched."""
    given = Preprocess(size=12, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    assert settle(recipe(preprocess=given)).preprocess == given


def test_backbones_bring_their_own() -> None:
    """A backbone's pictures are normalised as its weights want them."""
    made = settle(recipe(network=backbone(), preprocess=Preprocess()))
    assert made.preprocess.mean == (0.5, 0.5, 0.5)
    assert made.preprocess.size == 8, "not enlarged before the network"


def test_flat_pictures() -> None:
    """Pictures of one colour have a deviation to divide by all the same."""
    pictures = np.full((4, 2, 2, 3), 7, np.uint8)
    mean, std = prepare.statistics(pictures, np.arange(4))
    assert mean == pytest.approx([7 / 255] * 3, abs=1e-6)
    assert min(std) > 0


def test_material_has_no_test_part() -> None:
    """All pictures are packed; the places of the test part are not among those handed over."""
    made = prepared(settle(recipe()), digits(), progress=silent)
    assert len(made.pictures) == 1797
    assert made.train.tolist() == digits().split.train.tolist()
    assert made.val.tolist() == digits().split.val.tolist()
    given = {*made.train.tolist(), *made.val.tolist()}
    assert not given & set(digits().split.test.tolist())


@pytest.mark.parametrize(("side", "count"), [(8, 178), (32, 178), (800, 8)])
def test_a_few_pictures_to_begin_with(side: int, count: int) -> None:
    """Layers that start from data see training pictures, fewer of large ones."""
    made = prepared(settle(recipe()), digits(), progress=silent)
    large = np.zeros((1797, 1, 1, 3), np.uint8)
    pictures = np.broadcast_to(large, (1797, side, side, 3))
    some = initial_pictures(replace(made, pictures=pictures))
    assert len(some) == min(count, len(made.train))


def test_epochs_are_scaled_in_proportion() -> None:
    """Stages keep their parts of a budget in epochs; other budgets leave them as they are."""
    stages = (stage(epochs=3), stage(epochs=12))
    assert [one.epochs for one in scaled(stages, Budget(epochs=5))] == [1, 4]
    assert scaled(stages, Budget(seconds=5)) == stages
    assert scaled(stages, None) == stages
    assert scaled((), Budget(epochs=5)) == ()


def test_how_classes_are_balanced_is_settled() -> None:
    """`auto` becomes weights, or sampling where the largest class has more than ten times the
    pictures of the smallest; what is declared stays."""
    stages = tuple(stage(balance=way) for way in ("auto", "none", "weights", "sampling"))
    for small, way in ((10, "weights"), (9, "sampling")):
        labels = np.repeat([0, 2, 5], [100, 50, small])
        made = [one.balance for one in settled_stages(stages, labels)]
        assert made == [way, "none", "weights", "sampling"]
    assert settle(recipe(stage(balance="auto"))).stages[0].balance == "weights"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            recipe(stage(), stage(size=2)),
            "Recipe.stages[1].size, 2 pixels: row 3, MaxPool(): 1×1 input is smaller than its 2×2 "
            "window; the pictures are 2×2, so make it smaller or pass size=8.",
        ),
        (
            recipe(stage(size=9)),
            "Recipe.stages[0].size must be at most the 8 pixels that the network sees, but is 9.",
        ),
        (
            recipe(stage(train="all", size=40), network=backbone()),
            "Recipe.stages[0].size must be at most the 32 pixels that the network sees, but is 40.",
        ),
    ],
)
def test_stages_that_are_too_small_or_too_large(declared: Recipe, message: str) -> None:
    """A stage's pictures must suit the network's table, and are never enlarged."""
    with pytest.raises(SpecError) as caught:
        refuse_sizes(settle(declared), 10)
    assert str(caught.value) == message
    refuse_sizes(settle(recipe(stage(size=8), stage(size=6))), 10)


def test_shares_of_the_full_side_are_settled() -> None:
    """A share becomes pixels, and full size where the network cannot take so few."""
    declared = recipe(stage(size=0.75), stage(size=0.25), stage(size=5), stage())
    assert [one.size for one in settle(declared).stages] == [6, None, 5, None]
    with pytest.raises(SpecError, match=r"Stage.size must be between 0.05 and 0.99, but is 1.5"):
        stage(size=1.5)


def test_heads_on_features_have_no_size() -> None:
    """Their pictures are looked at once."""
    with pytest.raises(SpecError) as caught:
        recipe(stage(train="head", size=16), network=backbone())
    assert str(caught.value) == (
        "Recipe.stages[0].size must be None where only the head is trained: its features are "
        "computed once, at full size, but is 16."
    )


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("Recipe.augment.cutout", {"augment": Augment(cutout=8)}),
        ("Recipe.augment.crop", {"augment": Augment(crop=8)}),
        (
            "Recipe.stages[0].augment.cutout",
            {"stages": (stage(augment=Augment(cutout=8)),)},
        ),
    ],
)
def test_changes_larger_than_the_pictures(name: str, declared: dict[str, object]) -> None:
    """Where the size follows from the pictures, what does not fit it is still refused, with the
    way out."""
    with pytest.raises(SpecError) as caught:
        settle(recipe(preprocess=Preprocess(), **declared))
    assert str(caught.value) == (
        f"{name} must be smaller than the pictures (8 pixels), but is 8. Enlarge them (--size 32), "
        "or change the recipe."
    )
