"""Contenders in whom nothing is random: fitted again, they say the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np

from bakeoff.evaluation.predictions import Predictions
from bakeoff.spec.estimator import (
    Estimator,
    LinearProbe,
    LinearRegression,
    NearestNeighbours,
    ZeroShot,
)
from bakeoff.spec.network import Backbone
from bakeoff.spec.recipe import Recipe

__all__ = ["identical", "repeatable"]

_SOLVED = LinearProbe | LinearRegression | NearestNeighbours | ZeroShot
"""Fitted without a draw. Of a grid the folds are drawn, so another seed may choose another
setting: whoever trusts this looks whether repeated runs are indeed the same."""


def repeatable(recipe: Recipe, *, random_weights: bool) -> bool:
    """Whether another seed would change nothing, as far as the recipe tells."""
    network = recipe.network
    if not isinstance(network, Estimator) or not isinstance(network.method, _SOLVED):
        return False
    return not (random_weights and isinstance(network.inputs, Backbone))


def identical(tables: Mapping[str, Collection[Predictions]]) -> set[frozenset[str]]:
    """Pairs of contenders that give every picture the same probabilities to the last bit."""
    return {
        frozenset((first, second))
        for first, second in combinations(tables, 2)
        if all(
            np.array_equal(one.probabilities, other.probabilities)
            for one in tables[first]
            for other in tables[second]
        )
    }
