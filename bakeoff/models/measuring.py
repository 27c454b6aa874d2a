"""Any backbone in numbers, and what training on it takes: asked of timm, on no device."""

from __future__ import annotations

from dataclasses import replace

from bakeoff.models.backbones import features_of, settled
from bakeoff.models.counting import Cost, frozen
from bakeoff.models.footprint import Footprint, footprint
from bakeoff.models.known import BackboneFacts, Trained, Way
from bakeoff.models.summary import backbone_of, head_lines
from bakeoff.models.table import total
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Network
from bakeoff.spec.recipe import Recipe

__all__ = ["measure"]

_ANY = Preprocess(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
"""Pictures are resized inside the model: how they come changes no number here."""


def measure(recipe: Recipe, *, classes: int) -> BackboneFacts:
    """The facts of the recipe's backbone, with the ways its stages train.

    Nothing is downloaded: published weights are left aside, and with them what only their file
    says. An error where the size does not fit.
    """
    backbone = backbone_of(recipe)
    assert backbone is not None
    if backbone.weights == "pretrained":
        backbone = replace(backbone, weights="random")
    backbone = settled(backbone)
    assert backbone.size is not None
    declared = recipe.network if isinstance(recipe.network, Network) else Network(backbone=backbone)
    network = replace(declared, backbone=backbone)
    features = features_of(backbone)
    head = total(head_lines(network, features, classes))
    ways: set[Trained] = {stage.train for stage in recipe.stages} or {"head"}
    needs = {train: footprint(network, _ANY, classes=classes, train=train) for train in ways}
    whole = next(iter(needs.values()))
    every = frozen(whole.parameters)
    own = replace(
        every,
        frozen=every.frozen - head.parameters.pytorch,
        fixed=every.fixed - head.parameters.fixed,
        statistics=every.statistics - head.parameters.statistics,
    )
    return BackboneFacts(
        size=backbone.size,
        features=features,
        parameters=own,
        flops=whole.flops - head.flops,
        passing=whole.passing,
        ways={train: _way(found, head) for train, found in needs.items()},
    )


def _way(found: Footprint, head: Cost) -> Way:
    return Way(
        trained=found.parameters.trained - head.parameters.trained,
        kept=found.kept - 4 * head.kept,
    )
