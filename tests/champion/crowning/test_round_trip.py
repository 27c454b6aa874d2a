"""Every recipe that is shipped can be crowned, and its champion says what the run said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bakeoff.champion.crowning.crown import crown
from bakeoff.champion.opening import open as opened
from bakeoff.data.dataset import Dataset
from bakeoff.models import zero_shot
from bakeoff.models.fitted import FittedHead
from bakeoff.recipes import RECIPES
from bakeoff.recipes.adapt import adapted
from bakeoff.runs.run import Run
from bakeoff.spec.estimator import Estimator, ZeroShot
from bakeoff.spec.network import Backbone, Network
from bakeoff.spec.recipe import Recipe
from tests.champion.crowned import light, untrained
from tests.runs.digits import digits, run

SMALL = Backbone(name="test_resnet", weights="random", size=64, padding="own")


HEAVY = ("vgg10", "resnet18-small", "cnn10", "speed-wide")
"""Those that take seconds even so."""

MARKED = [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in RECIPES]


def on_backbones() -> list[str]:
    """Recipes that have one."""
    return [name for name, make in RECIPES.items() if backbone_of(make()) is not None]


def backbone_of(recipe: Recipe) -> Backbone | None:
    """What a recipe stands on."""
    network = recipe.network
    found = network.inputs if isinstance(network, Estimator) else network.backbone
    return found if isinstance(found, Backbone) else None


def smaller(recipe: Recipe) -> Recipe:
    """The same recipe on a backbone of a moment, without a grid."""
    network, backbone = recipe.network, backbone_of(recipe)
    # Heads that look at a map take pools, too.
    on_maps = replace(SMALL, pool=False, size=224)
    if isinstance(network, Estimator):
        network = replace(network, grid=(), folds=2, sample=100)
        method = network.method
        if isinstance(method, ZeroShot):
            network = replace(network, method=replace(method, width=4))
        if backbone is not None:
            network = replace(network, inputs=SMALL)
    elif backbone is not None:
        network = replace(network, backbone=on_maps if not backbone.pool else SMALL)
    size = 32 if recipe.preprocess.size is None or backbone is not None else recipe.preprocess.size
    preprocess = replace(recipe.preprocess, size=size)
    return replace(recipe, network=network, preprocess=preprocess)


def fit(head: FittedHead, classes: Any, **_: Any) -> None:
    """Words without a tower."""
    seen = torch.zeros(96)
    head.take(
        {"mean": seen, "factor": seen + 1, "directions": torch.empty(0)},
        {"projection": torch.randn(96, 4), "texts": torch.randn(len(classes), 4)},
    )


def sealed(out: Path, recipe: Recipe, dataset: Dataset) -> Run:
    """A run of it that is over: estimators are fitted, networks left as chance made them."""
    if isinstance(recipe.network, Network):
        return untrained(out, recipe, dataset=dataset)
    return run(out, recipe, dataset=dataset).run


@pytest.mark.parametrize("name", MARKED)
def test_the_champion_says_what_the_run_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Crowned and opened again, each recipe answers as its run did, for pictures as they come."""
    light(monkeypatch)
    monkeypatch.setattr(zero_shot, "ready", lambda *_, **__: None)
    monkeypatch.setattr(zero_shot, "fit", fit)
    dataset = digits(60)
    made = sealed(tmp_path / "run", smaller(RECIPES[name]()), dataset)
    out = crown(made.path, dataset, tmp_path / "champion", count=8)
    agrees(out, made, dataset)


@pytest.mark.slow
@pytest.mark.parametrize("name", on_backbones())
def test_whole_backbones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The same with the backbone that the recipe names, at its own size."""
    recipe = RECIPES[name]()
    if not isinstance(recipe.network, Network):
        pytest.skip("features of these backbones are covered by the networks on them")
    light(monkeypatch)
    dataset = digits(60)
    made = sealed(tmp_path / "run", adapted(recipe, weights="random"), dataset)
    agrees(crown(made.path, dataset, tmp_path / "champion", count=8), made, dataset)


def agrees(out: Path, made: Run, dataset: Dataset) -> None:
    """Assert that a champion answers as its run did."""
    champion = opened(out, engine="torch", device="cpu")
    said = made.predictions("val")
    shown = [champion.read(dataset.picture(int(index))) for index in said["indices"]]
    found = champion.tell(np.stack(shown)).scores
    shares = torch.softmax(torch.from_numpy(found), 1).numpy()
    np.testing.assert_allclose(shares, said["probabilities"], atol=1e-3)
