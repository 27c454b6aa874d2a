"""Backbones: made as declared, and refused with a reason where they cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bakeoff.models.backbones import create, features_of, metadata, settled
from bakeoff.models.catalogue import entry
from bakeoff.models.counting import KERAS_BACKBONES, count
from bakeoff.spec.errors import DataError, SpecError
from bakeoff.spec.network import Backbone


def random(name: str = "test_resnet", **fields: object) -> Backbone:
    """A settled backbone with random weights."""
    return settled(replace(Backbone(name=name, weights="random"), **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "size", "vector", "channels", "places"),
    [
        ("test_resnet", 64, 96, 96, 2),
        ("test_vit", 160, 64, 64, 10),
        ("test_convnext", 64, 64, 64, 2),
        ("test_efficientnet", 64, 256, 256, 2),
        ("vgg11", 32, 512, 512, 1),
        ("mobilenetv3_small_050", 64, 1024, 288, 2),
    ],
)
def test_features_are_a_vector_or_a_map(
    name: str, size: int, vector: int, channels: int, places: int
) -> None:
    """Whatever the architecture, pooled features are a vector and others a map, as announced."""
    pictures = torch.randn(2, 3, size, size)
    for pool, shape in ((True, (vector,)), (False, (channels, places, places))):
        extractor = create(random(name, size=size, pool=pool)).eval()
        assert features_of(random(name, size=size, pool=pool)) == extractor.shape == shape
        with torch.no_grad():
            assert extractor(pictures).shape == (2, *shape)


def test_a_map_keeps_places_apart() -> None:
    """A transformer's map has each patch at its own place, and no class token among them."""
    extractor = create(random("test_vit", pool=False)).eval()
    pictures = torch.zeros(1, 3, 160, 160)
    with torch.no_grad():
        before = extractor(pictures)
        pictures[:, :, 16:32, 48:64] = 9
        change = (extractor(pictures) - before).abs().sum(1)[0]
    assert divmod(int(change.argmax()), 10) == (1, 3)


@pytest.mark.parametrize(
    ("name", "more"),
    [("vgg16", 0), ("xception", 0), ("resnet50", -26_560), ("inception_v3", 17_216)],
)
def test_totals_are_those_of_keras(name: str, more: int) -> None:
    """Without its classifier a backbone has Keras's total, but for the biases that Keras gives
    ResNet-50's convolutions and the scales that it denies Inception's batch norms."""
    with torch.device("meta"):
        found = count(create(random(name)).model).keras
    assert found - KERAS_BACKBONES[name] == more


def test_metadata_comes_from_the_weights() -> None:
    """Normalisation, size and interpolation are those of the weights that are named."""
    known = entry("inception_v3")
    assert known.metadata is not None
    assert (known.metadata.mean, known.metadata.size) == ((0.5, 0.5, 0.5), 299)
    assert known.metadata.interpolation == "bicubic"
    assert settled(Backbone(name="vgg16", weights="random")).size == 224
    assert metadata(Backbone(name="vgg16", weights="random")).mean == (0.485, 0.456, 0.406)


def test_a_backbone_without_metadata_asks_for_it() -> None:
    """Where nothing was published, no default is made up."""
    with pytest.raises(SpecError) as caught:
        metadata(Backbone(name="mobilenet_edgetpu_100", weights="random"))
    assert str(caught.value) == (
        "Preprocess.mean and .std must be given for mobilenet_edgetpu_100: nothing is published "
        "that says how its pictures were normalised. Give those its weights were made with, or "
        "write mean and std into the header of the safetensors file."
    )


def test_a_file_may_say_what_timm_does_not_know(tmp_path: Path) -> None:
    """Mean, deviation, size and padding in the file's header count more than timm's."""
    file = tmp_path / "weights.safetensors"
    says = {"mean": "0.5,0.4,0.3", "std": "0.2,0.2,0.2", "input_size": "96", "pad_type": "same"}
    save_file({"x": torch.zeros(1)}, file, says)
    declared = Backbone(name="mobilenet_edgetpu_100", weights=str(file))
    said = metadata(declared)
    assert (said.mean, said.std, said.size) == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.2), 96)
    made = settled(declared)
    assert (made.size, made.padding) == (96, "same")
    assert settled(replace(declared, size=64, padding="own")).padding == "own"
    save_file({"x": torch.zeros(1)}, file, {"mean": "grey"})
    with pytest.raises(DataError, match=r"header of .*weights.safetensors cannot be understood"):
        metadata(declared)


def test_padding_as_tensorflow_does() -> None:
    """`same` changes what a strided convolution sees at the edge."""
    shapes = []
    for padding in ("own", "same"):
        torch.manual_seed(0)
        extractor = create(random("test_efficientnet", size=64, padding=padding)).eval()
        with torch.no_grad():
            shapes.append(extractor(torch.ones(1, 3, 64, 64)))
    assert not torch.allclose(*shapes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"name": "resnet05"},
            "Backbone.name must be a model that timm knows, but is 'resnet05'. Did you mean "
            "'resnet50'? timm.list_models() gives all",
        ),
        (
            {"name": "resnet18.a9_in1k"},
            "Backbone.name must name weights that are published for resnet18, but is "
            "'resnet18.a9_in1k'. Did you mean 'resnet18.a",
        ),
        (
            {"name": "inception_v3", "size": 32},
            "Backbone.size does not fit inception_v3 (Calculated padded input size per channel: "
            "(1 x 1). Kernel size: (3 x 3). Kernel size can't be greater than actual input size), "
            "but is 32. Pass size=75; pictures are resized inside the model.",
        ),
        (
            {"name": "test_resnet", "padding": "same"},
            "Backbone.padding must be 'own': test_resnet has no other, but is 'same'.",
        ),
        (
            {"name": "vgg11", "stem": "small"},
            "Backbone.stem must be 'own' for vgg11, whose first layers have no stride to take "
            "away, but is 'small'. Pass Backbone(size=…) instead: pictures are resized inside the "
            "model.",
        ),
        (
            {"name": "mixer_s32_224", "pool": False},
            "Backbone.pool must be True for mixer_s32_224: its features are no map, but is False.",
        ),
    ],
)
def test_what_is_refused(fields: dict[str, object], message: str) -> None:
    """A backbone that cannot be made says why and what to do, before anything is computed."""
    with pytest.raises(SpecError) as caught:
        create(random(**fields))  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


def test_a_name_from_the_past() -> None:
    """A name that timm has replaced leads to its successor."""
    assert settled(Backbone(name="xception", weights="random")).name == "legacy_xception"


@pytest.mark.parametrize(
    ("name", "own", "small"),
    [
        ("resnet18", 1, 4),
        ("test_resnet", 1, 4),
        ("test_efficientnet", 1, 2),
        ("convnext_atto", 1, 2),
        ("densenet121", 1, 4),
        ("regnety_002", 1, 2),
    ],
)
def test_small_stems_leave_more_of_a_small_picture(name: str, own: int, small: int) -> None:
    """With an adapted stem a picture of 32 pixels keeps a map worth the name."""
    for stem, side in (("own", own), ("small", small)):
        shape = features_of(random(name, size=32, stem=stem, pool=False))
        assert shape[1:] == (side, side)


def test_small_stems_keep_their_filters() -> None:
    """The same weights go into both stems, so pretrained ones fit."""
    own, small = (create(random("test_convnext", stem=stem)) for stem in ("own", "small"))
    shapes = [{k: v.shape for k, v in made.state_dict().items()} for made in (own, small)]
    assert shapes[0] == shapes[1]


def test_transformers_take_other_sizes() -> None:
    """A transformer built for another size has positions for it."""
    extractor = create(random("test_vit", size=64, pool=False)).eval()
    assert extractor.shape == (64, 4, 4)


def test_random_weights_are_said_to_be(tmp_path: Path) -> None:
    """Only weights that were read in are not random; left aside for later, they count as read."""
    assert create(random()).random_weights
    made = create(random())
    file = tmp_path / "weights.safetensors"
    save_file(made.model.state_dict(), file)
    named = replace(random(), weights=str(file))
    torch.manual_seed(1)
    again = create(named)
    assert not again.random_weights
    ours, theirs = made.state_dict(), again.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert not create(replace(named, weights="/gone.safetensors"), pretrained=False).random_weights
