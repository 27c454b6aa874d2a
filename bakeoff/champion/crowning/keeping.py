"""What of the training pictures themselves lies in a champion's weights, whatever its goldens are.

Nearest neighbours learn nothing: they keep what they compare with. All other ways keep what follows
from all pictures together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeoff.evaluation.phrases import count
from bakeoff.spec.estimator import Estimator, NearestNeighbours, Pixels
from bakeoff.spec.recipe import Recipe

__all__ = ["kept", "warning"]


def kept(recipe: Recipe, pictures: int) -> dict[str, Any] | None:
    """Of a settled recipe: how many training pictures, and at which side, or None for `side` where
    it is their features; None where none is kept."""
    network = recipe.network
    if not isinstance(network, Estimator) or not isinstance(network.method, NearestNeighbours):
        return None
    looked = network.inputs
    side = (looked.side or recipe.preprocess.size) if isinstance(looked, Pixels) else None
    return {"pictures": pictures, "side": side}


def warning(facts: Mapping[str, Any]) -> str:
    """What whoever passes such a champion on has to know first."""
    pictures, side = count(facts["pictures"], "training picture"), facts["side"]
    held = f"reduced copies ({side}×{side} pixels)" if side else "the features"
    return (
        f"The data travels with it: weights.safetensors holds {held} of all {pictures}, with their "
        "labels, whatever its golden pictures are."
    )
