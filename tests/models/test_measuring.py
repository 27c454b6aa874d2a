"""Backbones measured without computing anything."""

from __future__ import annotations

import pytest

from bakeoff.models import weights
from bakeoff.models.footprint import footprint
from bakeoff.models.measuring import measure
from bakeoff.models.summary import summarise
from bakeoff.recipes import get
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator, LinearProbe
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone, BatchNorm, Classes, Head, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Stage


def test_each_way_of_training_is_measured() -> None:
    """What a stage trains decides how many parameters move and how much memory it takes."""
    stages = (Stage(epochs=1, train="head"), Stage(epochs=1, train=1), Stage(epochs=1))
    network = Network(backbone=Backbone(name="resnet18", size=64))
    facts = measure(Recipe(name="x", network=network, stages=stages), classes=3)
    assert (facts.size, facts.features) == (64, (512,))
    trained = [facts.ways[stage.train].trained for stage in stages]
    assert trained[0] == 0 < trained[1] < trained[2] == facts.parameters.pytorch
    kept = [facts.ways[stage.train].kept for stage in stages]
    assert kept[0] < kept[1] < kept[2]


def test_an_estimators_backbone_is_measured() -> None:
    """The features that an estimator sees have a length and a cost too."""
    estimator = Estimator(method=LinearProbe(), inputs=Backbone(name="resnet18", size=64))
    facts = measure(Recipe(name="x", network=estimator), classes=3)
    assert facts.features == (512,)
    assert facts.flops > 10**8


def test_backbone_and_head_add_up_to_the_classifier() -> None:
    """Put together again they hold and take what the whole was measured to hold and take."""
    stage = Stage(epochs=1, batch=8, train=1, optimiser=SGD())
    network = Network(
        backbone=Backbone(name="resnet18", size=64, padding="own"),
        head=Head(rows=(BatchNorm(), Classes())),
    )
    recipe = Recipe(name="x", network=network, stages=(stage,))
    summary = summarise(recipe, size=32, classes=3, backbone=measure(recipe, classes=3))
    preprocess = Preprocess(size=32, mean=(0, 0, 0), std=(1, 1, 1))
    whole = footprint(network, preprocess, classes=3, train=1)
    assert summary.memory == whole.memory(batch=8, slots=1)
    assert summary.flops == whole.flops
    assert summary.keras == whole.parameters.keras
    assert summary.trainable == whole.parameters.trained


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published weights are left alone, though a run would want them."""

    def pull(*_: object, **__: object) -> None:
        pytest.fail("weights were asked for")

    monkeypatch.setattr(weights, "pull", pull)
    measure(get("resnet18"), classes=3)


def test_a_size_that_does_not_fit() -> None:
    """A size that the backbone cannot take is an error, before anything else."""
    network = Network(backbone=Backbone(name="inception_v3", size=64))
    recipe = Recipe(name="x", network=network, stages=(Stage(epochs=1),))
    with pytest.raises(SpecError, match=r"Backbone\.size does not fit inception_v3"):
        measure(recipe, classes=3)
