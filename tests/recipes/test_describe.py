"""Recipes in words."""

from __future__ import annotations

import pytest

from bakeoff.recipes.describe import (
    augmentation,
    fields_in_words,
    preprocessing,
    stages,
    validation,
)
from bakeoff.spec.estimator import (
    Estimator,
    GradientBoosting,
    LinearRegression,
    NearestNeighbours,
    Pixels,
    ZeroShot,
)
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.network import (
    Activation,
    Backbone,
    BatchNorm,
    Classes,
    Conv,
    Flatten,
    Network,
    Residual,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Cosine, Muon, Stage, Steps

TABLE = Network(rows=(Flatten(), Classes()))
BACKBONE = Network(backbone=Backbone(name="resnet50"))


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (Conv(width=8), "width 8"),
        (Conv(width=8, bias=False, activation="relu"), "width 8, no bias, relu"),
        (BatchNorm(scale=False), "no scale"),
        (Activation(function="gelu"), "gelu"),
        (Backbone(name="resnet50", size=224, pool=False), "resnet50, size 224, no pool"),
        (Cosine(), ""),
        (Steps(at=(0.25, 0.5)), "at (0.25, 0.5)"),
        (Muon(renormalise=True, head_rate=1), "rate 0.2, renormalise, head rate 1"),
    ],
)
def test_only_what_differs_is_said(declared: object, words: str) -> None:
    """Fields at their defaults are left out, but for the few that everybody asks for."""
    assert fields_in_words(declared) == words


def test_rows_inside_a_row_are_not_said() -> None:
    """They have lines of their own in the table."""
    row = Residual(body=(Conv(width=8),), shortcut=(Conv(width=8),), activation="relu")
    assert fields_in_words(row) == "relu"


def test_stages_say_what_everybody_asks_for() -> None:
    """Batch, optimiser with its rate, and schedule are said even at their defaults."""
    legs = (Stage(epochs=1.5), Stage(epochs=30, augment=Augment(flip="random"), patience=3))
    assert stages(Recipe(name="x", network=TABLE, stages=legs)) == (
        "batch 128, optimiser SGD(rate 0.1), schedule Cosine",
        "batch 128, optimiser SGD(rate 0.1), schedule Cosine, augment (flip random), patience 3",
    )


def test_stages_on_a_backbone_say_what_they_train() -> None:
    """The head alone, some blocks with it, or everything."""
    optimiser = SGD(rate=1e-5)
    legs = (
        Stage(epochs=1, train="head", augment=Augment(), optimiser=optimiser),
        Stage(epochs=1, train=1),
        Stage(epochs=1, train=2),
        Stage(epochs=1),
    )
    plain = "batch 128, optimiser SGD(rate 0.1), schedule Cosine"
    assert stages(Recipe(name="x", network=BACKBONE, stages=legs)) == (
        "trains the head, batch 128, optimiser SGD(rate 1e-05), schedule Cosine, augment (none)",
        f"trains the head and the last block, {plain}",
        f"trains the head and the last 2 blocks, {plain}",
        f"trains everything, {plain}",
    )


def test_preprocessing_says_what_is_still_open() -> None:
    """A run settles the size from the pictures, mean and std from them or from the backbone."""
    stage = (Stage(epochs=1),)
    table = Recipe(name="x", network=TABLE, stages=stage)
    assert preprocessing(table) == "size as the pictures are, mean and std of the training pictures"
    backbone = Recipe(name="x", network=BACKBONE, stages=stage)
    frozen = Recipe(
        name="x", network=Estimator(method=NearestNeighbours(), inputs=Backbone(name="resnet50"))
    )
    for recipe in (backbone, frozen):
        assert preprocessing(recipe) == "size as the pictures are, mean and std as the backbone has"
    settled = Preprocess(size=64, fit="pad", mean=(0, 0, 0), std=(1, 1, 1))
    assert preprocessing(Recipe(name="x", network=TABLE, stages=stage, preprocess=settled)) == (
        "size 64, fit pad, mean (0, 0, 0), std (1, 1, 1)"
    )


def test_words_are_not_validated() -> None:
    """Where no training picture is looked at, there is no cross-validation to tell of."""
    inputs = Backbone(name="vit_base_patch32_clip_224")
    words = Estimator(method=ZeroShot(), inputs=inputs, standardise=False)
    assert validation(words) == ("none: no training picture is looked at",)


def test_augmentation() -> None:
    """No change at all is said to be none."""
    assert augmentation(Augment()) == "none"
    assert augmentation(Augment(flip="random", crop=4)) == "flip random, crop 4"


def test_validation_lists_the_settings_that_are_tried() -> None:
    """Each setting in a line, with what differs between them, defaults included."""
    estimator = Estimator(
        method=GradientBoosting(rate=0.2, share=0.1),
        inputs=Pixels(side=8),
        grid=(GradientBoosting(leaves=15, share=0.1),),
        folds=3,
    )
    assert validation(estimator) == (
        "3 folds of 5,000 training pictures; the least squared error wins:",
        "rate 0.2, leaves 31",
        "rate 0.1, leaves 15",
    )
    alone = Estimator(method=LinearRegression(), sample=None)
    assert validation(alone) == ("5 folds of all training pictures",)
