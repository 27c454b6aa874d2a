"""Small changes to a recipe that a command may ask for without a file of one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from bakeoff.recipes.batching import rebatched
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.network import Backbone, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Stage

__all__ = ["adapted"]

_WAYS: dict[str, Literal["none", "auto", "weights", "sampling"]] = {
    "auto": "auto",
    "weights": "weights",
    "sampling": "sampling",
    "none": "none",
}


def adapted(
    recipe: Recipe,
    *,
    size: int | None = None,
    weights: str | None = None,
    balance: str | None = None,
    batch: int | None = None,
) -> Recipe:
    """`recipe` for pictures of another size, with other weights in its backbone, classes that
    count the same, or another batch (of the stages that train on pictures, where there are any)."""
    if size is not None:
        recipe = replace(recipe, preprocess=replace(recipe.preprocess, size=size))
    if weights is not None:
        recipe = replace(recipe, network=_with_weights(recipe, weights))
    if balance is not None:
        recipe = replace(recipe, stages=_balanced(recipe, balance))
    if batch is not None:
        recipe = replace(recipe, stages=_rebatched(recipe, batch))
    return recipe


def _balanced(recipe: Recipe, balance: str) -> tuple[Stage, ...]:
    _refuse_fitted(recipe, "--balance", balance)
    if balance not in _WAYS:
        raise SpecError("--balance", f"must be one of {', '.join(_WAYS)}", balance)
    return tuple(replace(stage, balance=_WAYS[balance]) for stage in recipe.stages)


def _rebatched(recipe: Recipe, batch: int) -> tuple[Stage, ...]:
    _refuse_fitted(recipe, "--batch", batch)
    on_pictures = [stage for stage in recipe.stages if stage.train != "head"]
    return tuple(
        stage if on_pictures and stage.train == "head" else rebatched(stage, batch)
        for stage in recipe.stages
    )


def _refuse_fitted(recipe: Recipe, option: str, value: object) -> None:
    if not recipe.stages:
        rule = f"needs a recipe that is trained in stages, and {recipe.name} is fitted at once"
        raise SpecError(option, rule, value)


def _with_weights(recipe: Recipe, weights: str) -> Network | Estimator:
    network = recipe.network
    backbone = network.inputs if isinstance(network, Estimator) else network.backbone
    if not isinstance(backbone, Backbone):
        raise SpecError(
            "--weights",
            f"needs a recipe with a backbone, and {recipe.name} has none",
            weights,
            "`bakeoff recipes` lists those that have.",
        )
    changed = replace(backbone, weights=weights)
    if isinstance(network, Estimator):
        return replace(network, inputs=changed)
    return replace(network, backbone=changed)
