"""The side that pictures are brought to for networks that are tables of layers.

Such tables are made for small pictures: some end before 8 pixels do, and none gains by 400.
"""

from __future__ import annotations

from bakeoff.models.table import tabulate
from bakeoff.recipes.adapt import adapted
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment
from bakeoff.spec.network import Network
from bakeoff.spec.recipe import Recipe

__all__ = ["LARGEST", "sized"]

LARGEST = 64
"""Pixels that pictures are shrunk to, unless a size is asked for."""

_STEP = 8

_CUT, _CROP = 2, 4
"""A blank square may cover half of a side; a crop may move by a quarter of one."""


def sized(recipe: Recipe, *, side: int, classes: int, size: int | None = None) -> Recipe:
    """`recipe` with a side that it takes: `size` if given, its own if it has one, else the
    pictures', or the next multiple of 8 that its table and its random changes leave room for."""
    network = recipe.network
    if not isinstance(network, Network) or network.rows is None:
        return recipe
    if size is not None:
        return adapted(recipe, size=size)
    if recipe.preprocess.size is not None:
        return recipe
    if side > LARGEST:
        return adapted(recipe, size=LARGEST)
    sides = [side] + [one for one in range(_STEP, LARGEST + 1, _STEP) if one > side]
    for one in sides:
        if _fits(recipe, network, one, classes):
            return recipe if one == side else adapted(recipe, size=one)
    # Refused when it is run, with the row that does not fit.
    return recipe


def _fits(recipe: Recipe, network: Network, side: int, classes: int) -> bool:
    assert network.rows is not None
    changes = [recipe.augment, *(stage.augment or Augment() for stage in recipe.stages)]
    if any(_CUT * one.cutout > side or _CROP * one.crop > side for one in changes):
        return False
    try:
        tabulate(network.rows, size=side, classes=classes)
    except SpecError:
        return False
    return True
