"""Classical regressors on pixels: linear, a tree, a forest, boosting. What networks have to beat.

Pictures are averaged down first. Neighbouring pixels say nearly the same, so little is lost, and a
fit to 50,000 pictures takes minutes. `on_features` puts the same regressors on a frozen backbone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import (
    DecisionTree,
    Estimator,
    GradientBoosting,
    LinearRegression,
    Pixels,
    RandomForest,
)
from bakeoff.spec.network import Backbone
from bakeoff.spec.recipe import Recipe

__all__ = ["RECIPES", "boosting", "forest", "linear", "on_features", "tree"]

_FINE = Pixels(side=16)
_COARSE = Pixels(side=8)


def linear() -> Recipe:
    """Linear regression on 16×16 pixels; the penalty is searched for."""
    return Recipe(
        name="linear",
        note="Linear regression on pixels.",
        network=Estimator(
            method=LinearRegression(penalty=1000.0),
            inputs=_FINE,
            grid=(LinearRegression(penalty=100.0), LinearRegression(penalty=10_000.0)),
        ),
    )


def tree() -> Recipe:
    """One regression tree on 8×8 pixels; its size is searched for."""
    return Recipe(
        name="tree",
        note="A regression tree on pixels.",
        network=Estimator(
            method=DecisionTree(depth=10, leaf=20),
            inputs=_COARSE,
            grid=(DecisionTree(depth=7, leaf=50), DecisionTree(depth=14, leaf=50)),
        ),
    )


def forest() -> Recipe:
    """A hundred regression trees on 8×8 pixels, each split among a twentieth of the features."""
    return Recipe(
        name="forest",
        note="A random forest on pixels.",
        network=Estimator(
            method=RandomForest(trees=100, leaf=5, share=0.05),
            inputs=_COARSE,
            grid=(RandomForest(trees=100, leaf=3, share=0.1),),
        ),
    )


def boosting() -> Recipe:
    """Gradient boosting on histograms of 8×8 pixels, a hundred small trees per class."""
    return Recipe(
        name="boosting",
        note="Gradient boosting on pixels.",
        network=Estimator(
            method=GradientBoosting(rounds=100, share=0.1),
            inputs=_COARSE,
            grid=(GradientBoosting(rounds=100, rate=0.2, leaves=15, share=0.1),),
            folds=3,
        ),
    )


def on_features(recipe: Recipe, backbone: Backbone) -> Recipe:
    """A recipe with an estimator, moved from pixels to the features of a frozen backbone."""
    if not isinstance(recipe.network, Estimator):
        raise SpecError("recipe", "must have an estimator", recipe.name)
    return replace(
        recipe,
        name=f"{recipe.name}-on-{backbone.name.partition('.')[0].replace('_', '-')}",
        note=f"{recipe.note.partition(' on ')[0]} on frozen features of {backbone.name}.",
        network=replace(recipe.network, inputs=backbone),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "linear": linear,
    "tree": tree,
    "forest": forest,
    "boosting": boosting,
}
