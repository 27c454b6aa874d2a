"""What contenders are made of, as reports list them."""

from __future__ import annotations

import pytest

from bakeoff import recipes
from bakeoff.recipes.adapt import adapted
from bakeoff.runs.shape import shape
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone, Classes, Dense, Dropout, Head, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Adam, Stage
from tests.runs.baking import near


def test_a_network_from_scratch() -> None:
    """Counted by the rows of its table."""
    recipe = adapted(recipes.get("cnn3"), size=32)
    assert shape(recipe, classes=10, epochs=7.0, comment="small") == {
        "family": "Convolutional networks",
        "layers": 9,
        "dense_layers": 2,
        "epochs": 7.0,
        "augmentation": "flip random, crop 2",
        "batch_norm": False,
        "dropout": True,
        "optimiser": "AdamW",
        "loss": "cross-entropy, labels smoothed by 0.05",
        "comment": "small",
    }


def test_a_head_on_a_backbone() -> None:
    """Layers with weights are counted in the whole, dense ones in the head."""
    recipe = Recipe(
        name="mine",
        network=Network(
            backbone=Backbone(name="test_resnet", weights="random", size=32),
            head=Head(rows=(Dense(width=8, activation="relu"), Dropout(rate=0.5), Classes())),
        ),
        preprocess=Preprocess(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        stages=(Stage(epochs=1, train="head", optimiser=Adam()), Stage(epochs=2)),
    )
    found = shape(recipe, classes=4, epochs=3.0, comment="")
    assert (found["family"], found["dense_layers"]) == ("Own recipes", 2)
    assert (found["batch_norm"], found["dropout"]) == (True, True)
    assert found["layers"] > 5
    assert (found["optimiser"], found["loss"]) == ("Adam, SGD", "cross-entropy")
    assert found["augmentation"] is False


@pytest.mark.parametrize(
    ("name", "loss"),
    [("linear", "squared error"), ("nearest-pixels", None), ("probe-resnet50", "cross-entropy")],
)
def test_no_network(name: str, loss: str | None) -> None:
    """Estimators on pixels have no layers; what they make small is told."""
    recipe = recipes.get(name)
    if name.endswith("50"):
        recipe = adapted(recipe, weights="random", size=32)
        recipe = Recipe(
            name=name,
            network=recipe.network,
            preprocess=Preprocess(size=32, mean=(0, 0, 0), std=(1, 1, 1)),
        )
    found = shape(recipe, classes=10, epochs=None, comment="")
    assert found["loss"] == loss
    assert found["optimiser"] is None
    assert (found["layers"] is None) == (loss != "cross-entropy")


def test_near_is_of_ones_own() -> None:
    """A recipe that is not shipped belongs to no family."""
    assert shape(near(), classes=10, epochs=None, comment="")["family"] == "Own recipes"
