"""What is written down about backbones, against timm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bakeoff.models.counting import KERAS_BACKBONES
from bakeoff.models.known import Trained, keras_count, known
from bakeoff.models.measuring import measure
from bakeoff.models.summary import backbone_of
from bakeoff.recipes import RECIPES
from bakeoff.spec.network import Backbone, Classes, Flatten, Head, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Stage

SHIPPED = sorted(
    {backbone for make in RECIPES.values() if (backbone := backbone_of(make())) is not None},
    key=str,
)


@pytest.mark.parametrize("backbone", SHIPPED, ids=lambda one: f"{one.name}-{one.pool}")
def test_what_is_known_is_what_timm_says(backbone: Backbone) -> None:
    """Every backbone of a shipped recipe is known: size, features, counts, operations, memory."""
    head = None if backbone.pool else Head(rows=(Flatten(), Classes()))
    trains: tuple[Trained, ...] = ("head", 1, "all")
    recipe = Recipe(
        name="x",
        network=Network(backbone=backbone, head=head),
        stages=tuple(Stage(epochs=1, train=train) for train in trains),
    )
    facts, measured = known(backbone), measure(recipe, classes=3)
    assert facts is not None
    assert replace(facts, ways={}) == replace(measured, ways={})
    for train in trains:
        assert facts.ways[train].trained == measured.ways[train].trained
        # What is kept differs a little by how the head begins.
        picture = measured.passing + measured.ways[train].kept
        assert facts.passing + facts.ways[train].kept == pytest.approx(picture, rel=0.15)


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_recipes_train_in_known_ways(name: str) -> None:
    """No shipped recipe has to ask timm what its stages take."""
    recipe = RECIPES[name]()
    backbone = backbone_of(recipe)
    facts = None if backbone is None else known(backbone)
    assert facts is None or all(stage.train in facts.ways for stage in recipe.stages)


@pytest.mark.parametrize(
    "backbone",
    [
        Backbone(name="convnext_tiny"),
        Backbone(name="resnet50", size=64),
        Backbone(name="resnet50", stem="small"),
        Backbone(name="resnet50", padding="same"),
        Backbone(name="resnet50.tv_in1k"),
        Backbone(name="resnet50", weights="mine.safetensors"),
    ],
)
def test_nothing_is_claimed_of_other_backbones(backbone: Backbone) -> None:
    """Another size, stem or padding, or weights that may ask for them, are not known."""
    assert known(backbone) is None


@pytest.mark.parametrize(
    ("name", "key"),
    [("vgg16", "vgg16"), ("resnet50.a1_in1k", "resnet50"), ("xception", "xception")],
)
def test_keras_counts(name: str, key: str) -> None:
    """Keras's count is found by timm's names, with tags and the names it used to have."""
    counted = keras_count(Backbone(name=name))
    assert counted is not None
    assert counted.total == KERAS_BACKBONES[key]


def test_keras_has_no_such_backbone() -> None:
    """Where Keras has no version of its own there is no count."""
    assert keras_count(Backbone(name="resnet18")) is None


def test_a_difference_from_keras_has_a_reason() -> None:
    """Wherever Keras's total is not ours, it is said why."""
    for backbone in SHIPPED:
        counted, facts = keras_count(backbone), known(backbone)
        assert facts is not None
        if counted is not None:
            assert bool(counted.reason) == (counted.total != facts.parameters.keras)
