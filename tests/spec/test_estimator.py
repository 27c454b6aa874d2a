"""Estimators: what their declarations refuse, and that they survive JSON."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bakeoff.spec import codec
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import (
    DecisionTree,
    Estimator,
    GradientBoosting,
    LinearProbe,
    LinearRegression,
    NearestNeighbours,
    Pixels,
    RandomForest,
    ZeroShot,
)
from bakeoff.spec.image import Augment
from bakeoff.spec.network import Backbone
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Stage

LINEAR = Estimator(method=LinearRegression())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pixels(side=0), "Pixels.side must be between 1 and 256, but is 0."),
        (
            lambda: LinearRegression(penalty=-1),
            "LinearRegression.penalty must be 0 or more, but is -1.0.",
        ),
        (lambda: DecisionTree(depth=0), "DecisionTree.depth must be greater than 0, but is 0."),
        (lambda: RandomForest(trees=0), "RandomForest.trees must be greater than 0, but is 0."),
        (lambda: RandomForest(leaf=0), "RandomForest.leaf must be greater than 0, but is 0."),
        (
            lambda: RandomForest(share=1.5),
            "RandomForest.share must be above 0 and at most 1, but is 1.5.",
        ),
        (
            lambda: GradientBoosting(leaves=1),
            "GradientBoosting.leaves must be 2 or more, but is 1.",
        ),
        (
            lambda: GradientBoosting(rounds=0),
            "GradientBoosting.rounds must be greater than 0, but is 0.",
        ),
        (
            lambda: GradientBoosting(rate=0),
            "GradientBoosting.rate must be greater than 0, but is 0.0.",
        ),
        (
            lambda: NearestNeighbours(count=0),
            "NearestNeighbours.count must be greater than 0, but is 0.",
        ),
        (
            lambda: NearestNeighbours(temperature=0),
            "NearestNeighbours.temperature must be greater than 0, but is 0.0.",
        ),
        (lambda: LinearProbe(steps=0), "LinearProbe.steps must be greater than 0, but is 0."),
        (
            lambda: Estimator(method=LinearProbe(), inputs=Backbone(name="resnet18", pool=False)),
            "Estimator.inputs must be a backbone with pool=True.",
        ),
        (lambda: ZeroShot(width=0), "ZeroShot.width must be greater than 0, but is 0."),
        (lambda: ZeroShot(prompts=()), "ZeroShot.prompts must not be empty."),
        (
            lambda: ZeroShot(prompts=("a {}", "a cat")),
            "ZeroShot.prompts[1] must hold {}, for the name of the class, but is 'a cat'.",
        ),
        (
            lambda: Estimator(method=ZeroShot(), standardise=False),
            "Estimator.inputs must be a backbone, as the method is ZeroShot.",
        ),
        (
            lambda: Estimator(method=ZeroShot(), inputs=Backbone(name="x")),
            "Estimator.standardise must be False, as the method is ZeroShot, but is True.",
        ),
        (
            lambda: Estimator(method=LinearRegression(), grid=(DecisionTree(),)),
            "Estimator.grid[0] must be settings of LinearRegression, but is 'DecisionTree'.",
        ),
        (
            lambda: Estimator(method=LinearRegression(), components=0),
            "Estimator.components must be greater than 0, but is 0.",
        ),
        (
            lambda: Estimator(method=LinearRegression(), folds=1),
            "Estimator.folds must be 2 or more, but is 1.",
        ),
        (
            lambda: Estimator(method=LinearRegression(), sample=9),
            "Estimator.sample must be 10 or more, but is 9.",
        ),
        (
            lambda: Estimator(method=LinearRegression(), floor=0),
            "Estimator.floor must be above 0 and at most 0.1, but is 0.0.",
        ),
        (
            lambda: Recipe(name="x", network=LINEAR, stages=(Stage(epochs=1),)),
            "Recipe.stages must be empty for an estimator: it is fitted, not trained, but is "
            "'1 stages'.",
        ),
        (
            lambda: Recipe(name="x", network=LINEAR, augment=Augment(crop=1)),
            "Recipe.augment must be Augment(), no change, for an estimator.",
        ),
    ],
)
def test_what_estimators_refuse(make: Callable[[], object], message: str) -> None:
    """Each rule is broken once, and the message names field, rule and value."""
    with pytest.raises(SpecError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize("inputs", [Pixels(side=8), Backbone(name="resnet18")])
def test_a_recipe_with_an_estimator_survives_json(inputs: Pixels | Backbone) -> None:
    """Written and read again, method, inputs and grid are the same."""
    network = Estimator(
        method=GradientBoosting(depth=None),
        inputs=inputs,
        grid=(GradientBoosting(rate=0.2),),
        components=30,
        sample=None,
    )
    recipe = Recipe(name="x", network=network)
    assert codec.loads(Recipe, codec.dumps(recipe)) == recipe
