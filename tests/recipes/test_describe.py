"""Recipes in rows."""

from __future__ import annotations

from bakeoff.recipes.describe import Line, fields_in_words, layers, stages
from bakeoff.spec.image import Augment
from bakeoff.spec.network import Backbone, Classes, Conv, Dense, Flatten, Head, Network, Residual
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Cosine, Stage, Steps

TABLE = Network(
    rows=(
        Conv(width=8, bias=False),
        Residual(body=(Conv(width=8, activation="relu"),)),
        Classes(),
    )
)


def test_rows_are_numbered_through() -> None:
    """Rows inside another row are numbered below it; only what differs from a default is said."""
    assert layers(TABLE) == (
        Line(number="1", kind="Conv", fields="width 8, bias False"),
        Line(number="2", kind="Residual", fields=""),
        Line(number="2.1", kind="Conv", fields="width 8, activation relu"),
        Line(number="3", kind="Classes", fields=""),
    )


def test_a_backbone_comes_before_its_head() -> None:
    """A backbone is the first row, its head the next ones."""
    backbone = Backbone(name="resnet50", pool=False)
    head = Head(rows=(Flatten(), Dense(width=4), Classes()))
    assert [(line.number, line.kind) for line in layers(Network(backbone=backbone, head=head))] == [
        ("1", "Backbone"),
        ("2", "Flatten"),
        ("3", "Dense"),
        ("4", "Classes"),
    ]


def test_a_backbone_without_a_head_has_one_layer_more() -> None:
    """The linear layer that is meant is shown."""
    rows = layers(Network(backbone=Backbone(name="resnet50")))
    assert rows == (
        Line(number="1", kind="Backbone", fields="name resnet50"),
        Line(number="2", kind="Classes", fields=""),
    )


def test_stages_say_what_everybody_asks_for() -> None:
    """Batch, optimiser with its rate, and schedule are said even at their defaults."""
    legs = (Stage(epochs=1.5), Stage(epochs=30, augment=Augment(flip="random"), patience=3))
    assert stages(Recipe(name="x", network=TABLE, stages=legs)) == (
        Line(
            number="1",
            kind="1.5 epochs",
            fields="batch 128, optimiser SGD(rate 0.1), schedule Cosine",
        ),
        Line(
            number="2",
            kind="30 epochs",
            fields="batch 128, optimiser SGD(rate 0.1), schedule Cosine, "
            "augment Augment(flip random), patience 3",
        ),
    )


def test_values_in_words() -> None:
    """Numbers are short, tuples in brackets, declarations with their own differences."""
    stage = Stage(epochs=1, optimiser=SGD(rate=1e-5), schedule=Steps(at=(0.25, 0.5)))
    assert fields_in_words(stage) == (
        "batch 128, optimiser SGD(rate 1e-05), schedule Steps(at (0.25, 0.5))"
    )
    assert fields_in_words(Cosine()) == ""
