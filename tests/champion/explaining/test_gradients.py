"""Maps by gradients: they find what decides, and nothing where nothing was learnt."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bakeoff.champion.explaining.gradients import Gradients
from bakeoff.models.classifier import Classifier, assemble
from bakeoff.spec.estimator import Estimator, LinearProbe, Pixels
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone, Network
from tests.champion.planted import TABLES, answers, found, learnt, planted, untrained

SQUARES = planted(40, 1)


def backbone(name: str, size: int) -> Classifier:
    """A classifier on a backbone that was never trained."""
    made = assemble(
        Network(backbone=Backbone(name=name, weights="random", size=size, padding="own")),
        Preprocess(size=size, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        classes=3,
        seed=0,
    )
    return made.eval().requires_grad_(False)


@pytest.mark.parametrize("table", TABLES)
def test_a_planted_square_is_found(table: str) -> None:
    """At least nine of ten maps are highest where the picture says its class, whatever the head."""
    pictures, _, corners = SQUARES
    network = learnt(table)
    said = answers(network, pictures).probabilities.argmax(1).tolist()
    assert found(Gradients(network)(pictures, said), corners) >= 0.9


@pytest.mark.parametrize("table", TABLES)
def test_without_training_nothing_is_found(table: str) -> None:
    """With random weights the maps are not those of the pictures: they follow the network."""
    pictures, _, corners = SQUARES
    network = untrained(table)
    said = answers(network, pictures).probabilities.argmax(1).tolist()
    assert found(Gradients(network)(pictures, said), corners) <= 0.4


def test_a_class_that_is_not_there() -> None:
    """What speaks for another class lies elsewhere, or nowhere."""
    pictures, labels, corners = SQUARES
    others = ((labels + 1) % 3).tolist()
    assert found(Gradients(learnt("mean"))(pictures, others), corners) <= 0.4


def test_maps_have_the_size_of_the_pictures() -> None:
    """A network that enlarges its pictures has maps as large as what it was given."""
    network = backbone("test_efficientnet", 160)
    pictures = np.zeros((2, 24, 24, 3), np.uint8)
    maps = Gradients(network)
    assert maps.method == "gradcam"
    heats = maps(pictures, [0, 1])
    assert heats.shape == (2, 24, 24)
    assert heats.dtype == np.float32
    assert heats.min() >= 0


@pytest.mark.parametrize("name", ["test_vit", "test_vit2"])
def test_a_transformer_by_its_attention(name: str) -> None:
    """Tokens have maps, too: of no less than nothing, and others for another class."""
    network = backbone(name, 64)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    maps = Gradients(network)
    assert maps.method == "attention"
    first, second = maps(pictures, [0, 0]), maps(pictures, [1, 1])
    assert first.shape == (2, 64, 64)
    assert min(first.min(), second.min()) >= 0
    assert first.max() > 0
    assert np.abs(first / first.max() - second / second.max()).max() > 0.1


def test_a_network_is_left_as_it_was() -> None:
    """After a map a network answers to the bit as before, and keeps no gradient."""
    network = backbone("test_vit", 64)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    before = answers(network, pictures).scores
    fused = [one.fused_attn for one in network.modules() if hasattr(one, "fused_attn")]
    Gradients(network)(pictures, [0, 1])
    assert np.array_equal(answers(network, pictures).scores, before)
    assert fused == [one.fused_attn for one in network.modules() if hasattr(one, "fused_attn")]
    assert all(one.grad is None for one in network.parameters())
    assert not any(one._forward_hooks for one in network.modules())


def test_nothing_has_a_place() -> None:
    """An estimator on pixels, and a map of two places a side, have none."""
    pixels = assemble(
        Estimator(method=LinearProbe(), inputs=Pixels()),
        Preprocess(size=8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        classes=3,
        seed=0,
    ).eval()
    assert Gradients(pixels).method is None
    assert Gradients(backbone("test_resnet", 64)).method is None


def test_gradients_in_inference_mode() -> None:
    """Who asks may be in a mode without gradients."""
    pictures = SQUARES[0][:1]
    network = learnt("mean")
    told = Gradients(network)(pictures, [0])
    with torch.no_grad():
        assert np.array_equal(Gradients(network)(pictures, [0]), told)
