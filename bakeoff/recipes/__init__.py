"""The recipes Bakeoff ships, one module per family; a recipe is a function that returns a Recipe.

Each family has its own `RECIPES`; a new family is one more line here.
"""

from __future__ import annotations

from bakeoff.recipes import cnn, modern, residual, speed, transfer, vgg
from bakeoff.recipes.registry import Make, merged, resolve
from bakeoff.spec.recipe import Recipe

__all__ = ["RECIPES", "get"]

FAMILIES = (
    cnn.RECIPES,
    vgg.RECIPES,
    residual.RECIPES,
    modern.RECIPES,
    speed.RECIPES,
    transfer.RECIPES,
)

RECIPES: dict[str, Make] = merged(FAMILIES)
"""Every shipped recipe by name."""


def get(word: str) -> Recipe:
    """The recipe that `word` names: a shipped one, or `path/my.py:function`."""
    return resolve(word, RECIPES)
