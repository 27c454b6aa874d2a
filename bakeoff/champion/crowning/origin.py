"""Where the numbers in a champion's weights come from: learnt here, kept of the data, or made
elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.champion.crowning.keeping import kept
from bakeoff.models.catalogue import entry
from bakeoff.models.classifier import Classifier
from bakeoff.models.fitted import FittedHead
from bakeoff.models.freezing import trainable
from bakeoff.spec.estimator import Estimator, NearestNeighbours, ZeroShot
from bakeoff.spec.network import Backbone
from bakeoff.spec.recipe import Recipe

__all__ = ["held", "origin_of"]

_SEEN = {
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "in22k": "ImageNet-22k",
    "laion2b": "LAION-2B",
    "lvd142m": "LVD-142M",
    "lvd1689m": "LVD-1689M",
    "openai": "OpenAI's pairs of pictures and texts",
}
"""What weights were trained on, by the parts of the tag in their timm name."""


def held(classifier: Classifier) -> int:
    """All numbers of its weights but running statistics."""
    found = sum(parameter.numel() for parameter in classifier.parameters())
    return found + _fitted(classifier)


def origin_of(classifier: Classifier, recipe: Recipe, *, pictures: int) -> dict[str, Any]:
    """How many were learnt, what is kept of `pictures` training pictures, and the backbone. What of
    `classifier` is trainable is another thing afterwards."""
    return {
        "learnt": _learnt(classifier, recipe),
        "kept": kept(recipe, pictures),
        "backbone": _backbone(recipe),
    }


def _fitted(classifier: Classifier) -> int:
    if not isinstance(classifier.head, FittedHead):
        return 0
    return sum(tensor.numel() for tensor in classifier.head.state_dict().values())


def _learnt(classifier: Classifier, recipe: Recipe) -> int:
    if isinstance(recipe.network, Estimator):
        unfitted = isinstance(recipe.network.method, NearestNeighbours | ZeroShot)
        return 0 if unfitted else _fitted(classifier)
    found: dict[str, int] = {}
    for stage in recipe.stages:
        trainable(classifier, stage.train)
        for name, parameter in classifier.named_parameters():
            if parameter.requires_grad:
                found[name] = parameter.numel()
    return sum(found.values())


def _backbone(recipe: Recipe) -> dict[str, Any] | None:
    network = recipe.network
    used = network.inputs if isinstance(network, Estimator) else network.backbone
    if not isinstance(used, Backbone):
        return None
    known = entry(used.name)
    if used.weights == "random":
        return {"name": known.architecture, "weights": "random"}
    if used.weights != "pretrained":
        file = Path(used.weights).name
        return {"name": known.architecture, "weights": "file", "file": file}
    tag = known.name.partition(".")[2].split("_")
    return {
        "name": known.name,
        "weights": "pretrained",
        "place": known.hub or known.url,
        "licence": known.licence,
        "seen": [_SEEN[part] for part in tag if part in _SEEN],
    }
