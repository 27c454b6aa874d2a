"""Recipes worked out before anything is built."""

from __future__ import annotations

import pytest

from bakeoff.models.counting import Parameters
from bakeoff.models.known import BackboneFacts, Way
from bakeoff.models.summary import Summary, slots, summarise
from bakeoff.recipes import get
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import (
    DecisionTree,
    Estimator,
    LinearProbe,
    LinearRegression,
    Method,
    NearestNeighbours,
    Pixels,
)
from bakeoff.spec.network import Backbone, Classes, Conv, GlobalPool, Network, Residual
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Adam, AdamW, Muon, RMSProp, Stage

FACTS = BackboneFacts(
    size=64,
    features=(7,),
    parameters=Parameters(frozen=100, statistics=20),
    flops=1000,
    passing=500,
    ways={"head": Way(trained=0, kept=28), "all": Way(trained=100, kept=900)},
)


def of_backbone(*trains: object, name: str = "resnet18") -> Summary:
    """A backbone with one linear layer for 3 classes, trained in these ways."""
    stages = tuple(Stage(epochs=1, train=train) for train in trains)  # type: ignore[arg-type]
    recipe = Recipe(name="x", network=Network(backbone=Backbone(name=name)), stages=stages)
    return summarise(recipe, size=32, classes=3, backbone=FACTS)


def of_estimator(method: Method, **fields: object) -> Summary:
    """A method on pictures of four pixels, for 3 classes."""
    estimator = Estimator(method=method, inputs=Pixels(side=2), **fields)  # type: ignore[arg-type]
    return summarise(Recipe(name="x", network=estimator), size=32, classes=3)


def test_a_table_is_worked_out_row_by_row() -> None:
    """Rows inside others are numbered below them; a shortcut that is implied is there too."""
    rows = (Residual(body=(Conv(width=8),)), GlobalPool(), Classes())
    stage = Stage(epochs=1, batch=4)
    recipe = Recipe(name="x", network=Network(rows=rows), stages=(stage,))
    summary = summarise(recipe, size=16, classes=3)
    assert [(layer.number, layer.output, layer.parameters) for layer in summary.layers] == [
        ("1", (8, 16, 16), 0),
        ("1.1", (8, 16, 16), 8 * 27 + 8),
        ("1.s1", (8, 16, 16), 8 * 3),
        ("2", (8,), 0),
        ("3", (3,), 27),
    ]
    assert summary.keras == summary.trainable == 224 + 24 + 27
    assert summary.weights == 4 * 275
    assert summary.flops == 2 * (256 * 8 * 27 + 256 * 8 * 3 + 8 * 3)
    assert summary.memory is not None
    assert summary.memory > 4 * 3 * 275 + 4 * 4 * 3 * 8 * 256


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage(epochs=1, optimiser=SGD()), 1),
        (Stage(epochs=1, optimiser=SGD(momentum=0, nesterov=False)), 0),
        (Stage(epochs=1, optimiser=Adam()), 2),
        (Stage(epochs=1, optimiser=AdamW()), 2),
        (Stage(epochs=1, optimiser=RMSProp()), 1),
        (Stage(epochs=1, optimiser=RMSProp(momentum=0.9)), 2),
        (Stage(epochs=1, optimiser=Muon()), 1),
        (Stage(epochs=1, average=0.9, lookahead=5), 3),
    ],
)
def test_numbers_beside_each_weight(stage: Stage, expected: int) -> None:
    """Momentum, squares and copies of the weights are each one number per weight."""
    assert slots(stage) == expected


def test_the_largest_stage_decides_the_memory() -> None:
    """Memory is that of the stage that takes most."""
    stages = (Stage(epochs=1, batch=8), Stage(epochs=1, batch=64), Stage(epochs=1, batch=16))
    network = get("cnn3").network
    summary = summarise(Recipe(name="x", network=network, stages=stages), size=32, classes=3)
    assert summary.memory == summary.legs[1].memory


def test_stages_on_a_backbone() -> None:
    """What is trained decides parameters and memory: the last stage, and the largest, are told."""
    summary = of_backbone("all", "head")
    assert [leg.trainable for leg in summary.legs] == [124, 24]
    assert [leg.memory for leg in summary.legs] == [
        4 * (144 + 2 * 124) + 128 * (500 + 900 + 4 * 3),
        4 * (144 + 2 * 24) + 128 * (500 + 28 + 4 * 3),
    ]
    assert (summary.trainable, summary.memory) == (24, summary.legs[0].memory)
    assert (summary.keras, summary.weights, summary.flops) == (144, 4 * 144, 1042)
    assert summary.notes == ()


def test_a_way_of_training_that_is_not_known() -> None:
    """It is said what would tell; what is known stays."""
    summary = of_backbone("all", 2)
    assert [leg.trainable for leg in summary.legs] == [124, None]
    assert (summary.trainable, summary.memory, summary.keras) == (None, None, 144)
    assert summary.notes == (
        "What its last blocks hold can be told where torch and timm are installed.",
    )


def test_keras_counts_its_own_backbone() -> None:
    """The total is with Keras's backbone, and how ours differs is said."""
    summary = of_backbone("head", name="resnet50")
    assert summary.keras == 23_587_712 + 24
    assert summary.layers[0].parameters == 23_587_712
    assert summary.weights == 4 * 144
    assert summary.notes[0] == (
        "The total is with Keras's own count of resnet50. Ours has 23,587,592 numbers fewer: "
        "in Keras each of its 53 convolutions has a bias."
    )


def test_a_linear_method() -> None:
    """A weight per number and class, and the mean and deviation of each number."""
    summary = of_estimator(LinearRegression())
    assert [(layer.output, layer.parameters) for layer in summary.layers] == [
        ((3, 2, 2), 0),
        ((12,), 24),
        ((3,), 39),
    ]
    assert (summary.inputs, summary.keras, summary.trainable) == (2, 63, 39)
    assert (summary.flops, summary.memory) == (2 * 12 * 3, None)


def test_principal_components() -> None:
    """A method sees as many numbers as components are kept, and no more than there are."""
    summary = of_estimator(LinearProbe(), components=5, standardise=False)
    assert [layer.parameters for layer in summary.layers] == [0, 60, 18]
    assert summary.flops == 2 * 12 * 5 + 2 * 5 * 3
    assert of_estimator(LinearProbe(), components=500).layers[2].output == (12,)


@pytest.mark.parametrize("method", [DecisionTree(), NearestNeighbours()])
def test_methods_that_grow_with_the_data(method: Method) -> None:
    """What a tree or a neighbour holds is not known before it has seen pictures."""
    summary = of_estimator(method)
    assert summary.layers[-1].parameters is None
    assert (summary.keras, summary.trainable, summary.flops, summary.weights) == (None,) * 4


def test_an_estimator_on_a_backbone() -> None:
    """The backbone is the first layer, frozen; its own cost is counted with the rest."""
    estimator = Estimator(method=LinearProbe(), inputs=Backbone(name="resnet18"), standardise=False)
    recipe = Recipe(name="x", network=estimator)
    summary = summarise(recipe, size=32, classes=3, backbone=FACTS)
    assert [layer.parameters for layer in summary.layers] == [120, 24]
    assert (summary.inputs, summary.keras, summary.trainable) == (64, 144, 24)
    assert summary.flops == 1000 + 2 * 7 * 3


@pytest.mark.parametrize("name", ["cnn3", "linear"])
def test_one_class_is_refused(name: str) -> None:
    """There must be something to choose between."""
    with pytest.raises(SpecError, match="classes must be 2 or more, but is 1"):
        summarise(get(name), size=32, classes=1)
