"""The one module from uint8 pictures to probabilities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from bakeoff.models.backbones import create
from bakeoff.models.classifier import Classifier, assemble, initialise, settle
from bakeoff.models.layers import Whitening
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator, NearestNeighbours
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import (
    Backbone,
    Classes,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    Head,
    Network,
    Whiten,
)
from tests.pictures import photograph

ROWS = Network(rows=(Conv(width=4, activation="relu"), GlobalPool(), Classes()))
GREY = Preprocess(size=16, mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))
TINY = Backbone(name="test_resnet", weights="random", size=64, padding="own")


def pictures(count: int = 3, side: int = 16) -> Tensor:
    """Pictures as a pack holds them."""
    found = [np.asarray(photograph(side, side, seed=seed)) for seed in range(count)]
    return torch.from_numpy(np.stack(found))


def rows(network: Network = ROWS, preprocess: Preprocess = GREY, seed: int = 0) -> Classifier:
    """A classifier from scratch, ready to predict."""
    return assemble(network, preprocess, classes=3, seed=seed).eval()


def test_normalised_as_declared() -> None:
    """Channels come first, scaled to [0, 1], less the mean, over the deviation."""
    found = rows().normalised(pictures())
    plain = pictures().double().permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(v).double().view(1, 3, 1, 1) for v in (GREY.mean, GREY.std))
    assert torch.allclose(found.double(), (plain - mean) / std, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_scores_and_probabilities() -> None:
    """One score per class; shares add up to 1, and a higher temperature brings them together."""
    made = rows()
    with torch.no_grad():
        scores, sharp, soft = (
            made(pictures()),
            made.probabilities(pictures(), 0.01),
            made.probabilities(pictures(), 100.0),
        )
    assert scores.shape == (3, 3)
    assert torch.equal(sharp.argmax(1), scores.argmax(1))
    assert torch.allclose(sharp.sum(1), torch.ones(3))
    assert (sharp.amax(1) > soft.amax(1)).all()
    assert torch.allclose(made.probabilities(pictures()), scores.softmax(1))


@pytest.mark.parametrize(("side", "size"), [(16, 40), (40, 16)])
@pytest.mark.parametrize("kind", ["bilinear", "bicubic"])
def test_resized_as_pillow_does(side: int, size: int, kind: str) -> None:
    """Enlarged or shrunk inside the model, a picture is what Pillow would have made of it, to
    within its two roundings: that is what backbones were trained on."""
    made = rows(preprocess=Preprocess(size=size, mean=(0, 0, 0), std=(1, 1, 1)))
    made.interpolation = kind
    found = made.normalised(pictures(side=side)) * 255
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    whole = [
        np.asarray(photograph(side, side, seed=seed).resize((size, size), filters[kind]))
        for seed in range(3)
    ]
    expected = torch.from_numpy(np.stack(whole)).permute(0, 3, 1, 2).float()
    assert (found - expected).abs().max() < 1.5
    assert found.min() >= 0
    assert found.max() <= 255.01


def test_a_cubic_filter_stays_within_the_grey_levels() -> None:
    """At a hard edge a cubic filter overshoots; no picture has such values."""
    edge = torch.zeros(1, 16, 16, 3, dtype=torch.uint8)
    edge[:, :, 8:] = 255
    made = rows(preprocess=Preprocess(size=40, mean=(0, 0, 0), std=(1, 1, 1)))
    made.interpolation = "bicubic"
    found = made.normalised(edge)
    assert (found.min().item(), found.max().item()) == (0.0, 1.0)


def test_a_backbone_gets_the_size_it_wants() -> None:
    """Pictures of any size are brought to the backbone's, in its own interpolation."""
    made = assemble(Network(backbone=TINY), GREY, classes=3, seed=0).eval()
    assert (made.size, made.interpolation) == (64, "bilinear")
    with torch.no_grad():
        assert made(pictures(side=16)).shape == made(pictures(side=100)).shape == (3, 3)
        assert made.features(pictures()).shape == (3, 96)
        assert torch.equal(made.head(made.features(pictures())), made(pictures()))


def test_a_head_of_rows_on_a_map() -> None:
    """A head may take the map and flatten it itself."""
    head = Head(rows=(Flatten(), Dense(width=5), Classes()))
    network = Network(backbone=replace(TINY, pool=False), head=head)
    made = assemble(network, GREY, classes=4, seed=0).eval()
    with torch.no_grad():
        assert made(pictures()).shape == (3, 4)


def test_the_same_seed_gives_the_same_weights() -> None:
    """Whatever was drawn before; and nothing that is drawn later is changed by it."""
    one = rows(seed=1).state_dict()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    again = rows(seed=1).state_dict()
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(one[key], again[key]) for key in one)
    other = rows(seed=2).state_dict()
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_random_weights_are_noted() -> None:
    """A result on a backbone that was never trained says so; one from scratch has no need."""
    made = assemble(Network(backbone=TINY), GREY, classes=3, seed=0)
    assert made.random_weights
    assert made.notes == ("random weights: not a transfer result",)
    assert not rows().random_weights
    assert rows().notes == ()


def test_half_precision_gives_about_the_same() -> None:
    """Under autocast the scores are those of single precision but for rounding."""
    made = rows()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = made(pictures())
    with torch.no_grad():
        assert torch.allclose(half.float(), made(pictures()), atol=0.02)


def test_layers_that_learn_from_pictures() -> None:
    """A whitening sees normalised pictures before training; a backbone needs none."""
    made = rows(Network(rows=(Whiten(), GlobalPool(), Classes())))
    whitening = next(m for m in made.modules() if isinstance(m, Whitening))
    before = whitening.filters.clone()
    initialise(made, pictures(8))
    assert not torch.equal(before, whitening.filters)
    with torch.no_grad():
        white = whitening(made.normalised(pictures(8)))[:, :3].transpose(0, 1).flatten(1)
    assert torch.allclose((white**2).mean(1), torch.ones(3), atol=0.05)
    initialise(assemble(Network(backbone=TINY), GREY, classes=3, seed=0), pictures())


def test_settling_fills_in_what_the_backbone_says() -> None:
    """Size, mean and deviation are the weights'; small pictures are not enlarged beforehand."""
    network, preprocess = settle(
        Network(backbone=Backbone(name="test_vit", weights="random")), Preprocess(), side=32
    )
    assert isinstance(network, Network)
    assert network.backbone is not None
    assert (network.backbone.size, network.backbone.padding) == (160, "own")
    assert (preprocess.size, preprocess.mean, preprocess.std) == (32, (0.5,) * 3, (0.5,) * 3)
    assert settle(network, Preprocess(), side=500)[1].size == 160
    own = Preprocess(size=48, mean=(0.1, 0.1, 0.1), std=(0.2, 0.2, 0.2))
    assert settle(network, own, side=500)[1] == own
    assert settle(*settle(network, own, side=9), side=7) == (network, own)


def test_settling_without_a_backbone() -> None:
    """The size is the pictures' own; mean and deviation are left to be measured."""
    assert settle(ROWS, Preprocess(), side=28) == (ROWS, Preprocess(size=28))


def test_settling_an_estimator_on_features() -> None:
    """An estimator's backbone is settled like a network's."""
    inputs = Backbone(name="test_vit", weights="random")
    estimator = Estimator(method=NearestNeighbours(), inputs=inputs)
    found, preprocess = settle(estimator, Preprocess(), side=32)
    assert isinstance(found, Estimator)
    assert found.inputs == replace(inputs, size=160, padding="own")
    assert preprocess.mean == (0.5, 0.5, 0.5)


def test_an_unsettled_declaration_is_refused() -> None:
    """Nothing is made with a mean that nobody gave."""
    with pytest.raises(SpecError) as caught:
        assemble(ROWS, Preprocess(size=16), classes=3, seed=0)
    assert str(caught.value) == (
        "Preprocess.mean must be settled before a network is made. Give it, or let a run settle it "
        "from the pictures and the backbone."
    )


def test_a_state_can_be_loaded_where_the_weights_file_is_gone(tmp_path: Path) -> None:
    """A champion needs its own state and the settled declaration, and not the backbone's file."""
    file = tmp_path / "weights.safetensors"
    save_file(create(TINY).model.state_dict(), file)
    network = Network(backbone=replace(TINY, weights=str(file)))
    made = assemble(network, GREY, classes=3, seed=0).eval()
    file.unlink()
    again = assemble(network, GREY, classes=3, seed=9, pretrained=False).eval()
    again.load_state_dict(made.state_dict())
    with torch.no_grad():
        assert torch.equal(made(pictures()), again(pictures()))
    assert not again.random_weights


def test_what_shapes_features_is_told_apart() -> None:
    """A cache of features must not take those of another size or normalisation for these."""
    made = [
        assemble(Network(backbone=backbone), preprocess, classes=3, seed=0).preparation
        for backbone, preprocess in (
            (TINY, GREY),
            (replace(TINY, size=96), GREY),
            (TINY, replace(GREY, std=(0.5, 0.5, 0.5))),
            (replace(TINY, stem="small"), GREY),
        )
    ]
    assert len(set(made)) == 4


def test_a_classifier_can_be_exported() -> None:
    """Its operations can be written down with the number of pictures left open."""
    for network in (ROWS, Network(backbone=TINY)):
        made = assemble(network, GREY, classes=3, seed=0).eval()
        batch = torch.export.Dim("batch")
        program = torch.export.export(made, (pictures(2),), dynamic_shapes=({0: batch},))
        with torch.no_grad():
            assert torch.allclose(program.module()(pictures(3)), made(pictures(3)), atol=1e-5)
