"""What a contender is made of, in the columns by which reports list their models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from bakeoff import recipes
from bakeoff.models.classifier import assemble
from bakeoff.models.summary import backbone_of
from bakeoff.models.table import Line, flat, layers, tabulate
from bakeoff.recipes.describe import augmentation
from bakeoff.spec.estimator import Estimator, LinearProbe, NearestNeighbours, ZeroShot
from bakeoff.spec.image import Augment
from bakeoff.spec.network import BatchNorm, Dense, Dropout, Network
from bakeoff.spec.recipe import Recipe

__all__ = ["shape"]

_OWN = "Own recipes"


@dataclass(frozen=True, kw_only=True)
class _Counted:
    layers: int | None
    dense: int | None
    batch_norm: bool
    dropout: bool


def shape(recipe: Recipe, *, classes: int, epochs: float | None, comment: str) -> dict[str, Any]:
    """A settled recipe in a row's words; `epochs` as they were trained."""
    counted = _counted(recipe, classes)
    return {
        "family": _family(recipe.name),
        "layers": counted.layers,
        "dense_layers": counted.dense,
        "epochs": epochs,
        "augmentation": _augmentation(recipe),
        "batch_norm": counted.batch_norm,
        "dropout": counted.dropout,
        "optimiser": _optimiser(recipe),
        "loss": _loss(recipe),
        "comment": comment,
    }


def _family(name: str) -> str:
    return next((title for title, made in recipes.FAMILIES.items() if name in made), _OWN)


def _counted(recipe: Recipe, classes: int) -> _Counted:
    network = recipe.network
    if isinstance(network, Network) and network.rows is not None:
        assert recipe.preprocess.size is not None, "not settled"
        return _of_table(tabulate(network.rows, size=recipe.preprocess.size, classes=classes))
    if backbone_of(recipe) is None:
        return _Counted(layers=None, dense=None, batch_norm=False, dropout=False)
    # On no device: what is counted needs no weights.
    with torch.device("meta"):
        made = assemble(network, recipe.preprocess, classes=classes, seed=0, pretrained=False)
    return _of_modules(made.modules(), made.head.modules())


def _of_table(lines: tuple[Line, ...]) -> _Counted:
    rows = [line.row for line in flat(lines)]
    return _Counted(
        layers=layers(lines),
        dense=layers(lines, Dense),
        batch_norm=any(isinstance(row, BatchNorm) for row in rows),
        dropout=any(isinstance(row, Dropout) and row.rate > 0 for row in rows),
    )


def _of_modules(whole: Iterable[nn.Module], head: Iterable[nn.Module]) -> _Counted:
    """Layers with weights, as the 50 of a ResNet-50 are counted; dense ones of the head."""
    found = list(whole)
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    return _Counted(
        layers=sum(isinstance(one, nn.Conv2d | nn.Linear) for one in found),
        dense=sum(isinstance(one, nn.Linear) for one in head),
        batch_norm=any(isinstance(one, norms) for one in found),
        dropout=any(isinstance(one, nn.Dropout) and one.p > 0 for one in found),
    )


def _augmentation(recipe: Recipe) -> str | bool:
    changes = [stage.augment or recipe.augment for stage in recipe.stages]
    said = dict.fromkeys(augmentation(one) for one in changes if one != Augment())
    return "; then ".join(said) if said else False


def _optimiser(recipe: Recipe) -> str | None:
    names = dict.fromkeys(type(stage.optimiser).__name__ for stage in recipe.stages)
    return ", ".join(names) or None


def _loss(recipe: Recipe) -> str | None:
    if not isinstance(recipe.network, Estimator):
        smoothed = max(stage.label_smoothing for stage in recipe.stages)
        return f"cross-entropy, labels smoothed by {smoothed:g}" if smoothed else "cross-entropy"
    match recipe.network.method:
        case LinearProbe():
            return "cross-entropy"
        case NearestNeighbours() | ZeroShot():
            return None
        case _:
            return "squared error"
