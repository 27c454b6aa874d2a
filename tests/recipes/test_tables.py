"""The shipped networks: the totals they must have, and the contract that each fulfils."""

from __future__ import annotations

import inspect

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.models.build import build, build_head, initialise
from bakeoff.models.counting import KERAS_BACKBONES, count, frozen
from bakeoff.models.layers import ResidualBlock
from bakeoff.models.shapes import Shape
from bakeoff.models.table import layers, tabulate, tabulate_head, total
from bakeoff.recipes import cnn, modern, residual, speed, transfer, vgg
from bakeoff.spec import codec
from bakeoff.spec.errors import SpecError
from bakeoff.spec.network import Dense, Network, Row
from bakeoff.spec.recipe import Recipe

SCRATCH = {
    **cnn.RECIPES,
    **vgg.RECIPES,
    **speed.RECIPES,
    **residual.RECIPES,
    **modern.RECIPES,
}
ALL = {**SCRATCH, **transfer.RECIPES}

scratch = pytest.mark.parametrize("name", SCRATCH)
every = pytest.mark.parametrize("name", ALL)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cnn10", 5_772_970),
        ("vgg10", 28_340_298),
        ("cnn3", 356_810),
        ("vgg6", 2_196_810),
        ("vgg6-bn", 2_200_394),
        ("vgg6-wide", 3_514_698),
        ("cnn-scheduled", 4_101_450),
    ],
)
def test_totals_in_keras_way(name: str, expected: int) -> None:
    """Tables that reproduce a published network have its total to the last parameter."""
    lines = tabulate(_rows(name), size=32, classes=10)
    assert total(lines).parameters.keras == expected


@pytest.mark.parametrize(("name", "expected"), [("resnet18-small", 11_173_962)])
def test_totals_in_pytorch_way(name: str, expected: int) -> None:
    """Networks known from PyTorch have the total it gives them."""
    assert total(tabulate(_rows(name), size=32, classes=10)).parameters.pytorch == expected


@pytest.mark.parametrize(
    ("name", "all_layers", "dense"), [("cnn-scheduled", 12, 2), ("vgg6-wide", 18, 3)]
)
def test_layers_are_as_many_as_the_name_says(name: str, all_layers: int, dense: int) -> None:
    """Published numbers of layers hold, the last layer counted among the dense ones."""
    lines = tabulate(_rows(name), size=32, classes=10)
    assert (layers(lines), layers(lines, Dense)) == (all_layers, dense)


@pytest.mark.parametrize(
    ("name", "architecture", "features", "expected"),
    [
        ("vgg16-dense", "vgg16", (512, 7, 7), 41_071_690),
        ("vgg16-dense-augmented-tuned", "vgg16", (512, 7, 7), 41_071_690),
        ("vgg16-conv", "vgg16", (512, 7, 7), 17_477_450),
        ("resnet50-dense", "resnet50", (2048, 7, 7), 49_723_082),
        ("resnet50-dense-unfrozen", "resnet50", (2048, 7, 7), 49_723_082),
    ],
)
def test_totals_of_backbone_and_head(
    name: str, architecture: str, features: Shape, expected: int
) -> None:
    """Keras's count of the backbone and the head's table add up to the published total."""
    head = total(tabulate_head(_head(name), features=features, classes=10))
    assert KERAS_BACKBONES[architecture] + head.parameters.keras == expected


def test_trainable_parameters_with_the_last_block_unfrozen() -> None:
    """VGG-16's last block has three convolutions of 512 filters; they train with the head."""
    head = total(tabulate_head(_head("vgg16-conv"), features=(512, 7, 7), classes=10)).parameters
    block = 3 * (512 * 512 * 9 + 512)
    assert ALL["vgg16-conv"]().stages[0].train == 1
    assert head.trained + block == 9_839_114
    assert frozen(head).trained == 0


@every
def test_a_recipe_says_what_it_is(name: str) -> None:
    """Its name is the one it is found by; its docstring and note say in a sentence what it is."""
    recipe = ALL[name]()
    assert recipe.name == name
    assert inspect.getdoc(ALL[name])
    assert recipe.note.endswith(".")


@every
def test_a_recipe_survives_json(name: str) -> None:
    """Written and read again it is the same, and it is the same every time it is made."""
    recipe = ALL[name]()
    assert codec.loads(Recipe, codec.dumps(recipe)) == recipe
    assert codec.digest(ALL[name]()) == codec.digest(recipe)


@pytest.mark.parametrize("name", transfer.RECIPES)
def test_heads_fit_the_features_of_their_backbone(name: str) -> None:
    """Every head builds on the features it is declared for, a map or a vector."""
    network = ALL[name]().network
    assert isinstance(network, Network)
    assert network.backbone is not None
    if network.head is not None:
        features: Shape = (16,) if network.backbone.pool else (16, 7, 7)
        head = build_head(network.head.rows, features=features, classes=3).eval()
        assert head(torch.zeros(2, *features)).shape == (2, 3)


@scratch
def test_arithmetic_and_the_built_network_agree(name: str) -> None:
    """The table's parameters are those of the real network, for other sizes and classes too."""
    for size, classes in ((32, 10), ((40, 36), 3)):
        with torch.device("meta"):
            network = build(_rows(name), size=size, classes=classes)
        lines = tabulate(_rows(name), size=size, classes=classes)
        assert count(network) == total(lines).parameters


@scratch
def test_a_network_gives_one_score_per_class(name: str) -> None:
    """Pictures of 32 pixels give finite scores, in single and in half precision."""
    network = build(_rows(name), size=32, classes=7).eval()
    pictures = torch.randn(2, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        halved = network(pictures)
    with torch.no_grad():
        scores = network(pictures)
    assert scores.shape == halved.shape == (2, 7)
    assert torch.isfinite(scores).all()
    assert (scores - halved).abs().max() < 0.1 * scores.abs().max() + 0.05


@scratch
def test_a_network_learns_thirty_two_pictures_by_heart(name: str) -> None:
    """A step lowers the loss, and a few dozen put every one of 32 scanned digits right."""
    rows = _rows(name)
    size = _smallest(rows)
    pictures, labels = _digits(size)
    network = build(rows, size=size, classes=10)
    initialise(network, pictures)
    _still(network)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-4)
    losses: list[float] = []
    for _ in range(60):
        scores = network(pictures)
        loss = functional.cross_entropy(scores, labels)
        losses.append(loss.item())
        if torch.equal(scores.argmax(1), labels):
            break
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    else:
        pytest.fail(f"not learnt in {len(losses)} steps: {losses[0]:.3f} to {losses[-1]:.3f}")
    assert losses[1] < losses[0]


def _rows(name: str) -> tuple[Row, ...]:
    network = SCRATCH[name]().network
    assert isinstance(network, Network)
    assert network.rows is not None
    return network.rows


def _head(name: str) -> tuple[Row, ...]:
    network = ALL[name]().network
    assert isinstance(network, Network)
    assert network.head is not None
    return network.head.rows


def _smallest(rows: tuple[Row, ...]) -> int:
    for size in (8, 16, 32):
        try:
            tabulate(rows, size=size, classes=10)
        except SpecError:
            continue
        return size
    raise AssertionError("the rows do not fit pictures of 32 pixels")


def _digits(size: int) -> tuple[Tensor, Tensor]:
    digits = load_digits()
    grey = torch.tensor(digits.images[:32], dtype=torch.float32)[:, None] / 8 - 1
    large = functional.interpolate(grey, size=size, mode="nearest")
    return large.expand(-1, 3, -1, -1).contiguous(), torch.tensor(digits.target[:32])


def _still(network: nn.Module) -> None:
    """Take the chance out: dropout and dropped bodies would only blur what is tested here."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, ResidualBlock):
            module.drop = 0.0
