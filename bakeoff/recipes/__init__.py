"""The recipes Bakeoff ships, one module per family; a recipe is a function that returns a Recipe.

Each family has its own `RECIPES`; a new family is one more line here.
"""

from __future__ import annotations

from bakeoff.recipes import classical, cnn, frozen, modern, residual, speed, transfer, vgg
from bakeoff.recipes.adapt import adapted
from bakeoff.recipes.registry import Make, merged, resolve
from bakeoff.spec.recipe import Recipe

__all__ = ["FAMILIES", "RECIPES", "adapted", "get"]

FAMILIES: dict[str, dict[str, Make]] = {
    "Convolutional networks": cnn.RECIPES,
    "In VGG's manner": vgg.RECIPES,
    "Residual networks": residual.RECIPES,
    "Newer shapes": modern.RECIPES,
    "The speed record's shape": speed.RECIPES,
    "On a backbone from ImageNet": transfer.RECIPES,
    "Classical models": classical.RECIPES,
    "Frozen features, no network trained": frozen.RECIPES,
}
"""The families with their titles, in the order that people read them."""

RECIPES: dict[str, Make] = merged(FAMILIES.values())
"""Every shipped recipe by name."""


def get(word: str) -> Recipe:
    """The recipe that `word` names: a shipped one, or `path/my.py:function`."""
    return resolve(word, RECIPES)
