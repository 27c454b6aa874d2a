"""Small changes to a recipe that a command may ask for without a file of one's own."""

from __future__ import annotations

from dataclasses import replace

from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.network import Backbone, Network
from bakeoff.spec.recipe import Recipe

__all__ = ["adapted"]


def adapted(recipe: Recipe, *, size: int | None = None, weights: str | None = None) -> Recipe:
    """`recipe` for pictures of another size, or with other weights in its backbone."""
    if size is not None:
        recipe = replace(recipe, preprocess=replace(recipe.preprocess, size=size))
    if weights is not None:
        recipe = replace(recipe, network=_with_weights(recipe, weights))
    return recipe


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
