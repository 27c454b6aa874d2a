"""Building: rows become modules, with first weights that suit them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from bakeoff.models.build import build, build_head, initialise
from bakeoff.models.table import flat, tabulate
from bakeoff.spec.network import (
    Activation,
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalPool,
    LayerNorm,
    MaxPool,
    Residual,
    Row,
    Whiten,
)

_SMALL: tuple[Row, ...] = (
    Conv(width=8, activation="relu"),
    BatchNorm(),
    MaxPool(),
    Residual(body=(Conv(width=12, stride=2), BatchNorm(activation="silu")), activation="relu"),
    Flatten(),
    Dense(width=20),
    LayerNorm(),
    Activation(function="celu"),
    Dropout(rate=0.5),
    Classes(),
)


@pytest.mark.parametrize("size", [8, 15, (9, 16), (32, 20)])
@pytest.mark.parametrize("classes", [2, 11])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_table_serves_any_size_and_any_number_of_classes(
    size: int | tuple[int, int], classes: int, channels: int
) -> None:
    """The same rows adapt to pictures, channels and classes; every shape is as the table says."""
    network = build(_SMALL, size=size, classes=classes, channels=channels)
    sides = (size, size) if isinstance(size, int) else size
    seen: list[tuple[int, ...]] = []
    names = [name for name, _ in network.named_children() if "_" not in name]
    for name in names:
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output: seen.append(tuple(output.shape[1:]))
        )
    scores = network(torch.zeros(2, channels, *sides))
    lines = tabulate(_SMALL, size=size, classes=classes, channels=channels)
    assert scores.shape == (2, classes)
    assert seen == [line.output for line in lines]


def test_modules_are_named_by_kind_and_place() -> None:
    """State dicts read as the table does."""
    names = [name for name, _ in build(_SMALL, size=8, classes=2).named_children()]
    assert names[:3] == ["conv1", "conv1_relu", "batchnorm2"]
    assert names[-1] == "classes10"


def test_the_same_seed_gives_the_same_weights() -> None:
    """First weights come from torch's seed and from nothing else."""
    networks: list[dict[str, Tensor]] = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        networks.append(build(_SMALL, size=8, classes=2).state_dict())
    first, again, other = networks
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


@pytest.mark.parametrize(
    ("row", "following", "gain"),
    [
        (Conv(width=256, activation="relu"), None, math.sqrt(2)),
        (Conv(width=256), BatchNorm(activation="gelu"), math.sqrt(2)),
        (Conv(width=256), Activation(function="silu"), math.sqrt(2)),
        (Conv(width=256, activation="tanh"), None, 5 / 3),
        (Conv(width=256), None, 1.0),
        (Conv(width=256), BatchNorm(), 1.0),
    ],
)
def test_first_weights_make_up_for_the_nonlinearity(
    row: Conv, following: Row | None, gain: float
) -> None:
    """The deviation of first weights is that of He's rule for the nonlinearity that follows."""
    rows = (row,) if following is None else (row, following)
    network = build((*rows, GlobalPool(), Classes()), size=4, classes=2, channels=16)
    first = network.get_submodule("conv1")
    assert isinstance(first, nn.Conv2d)
    assert first.weight.std().item() == pytest.approx(gain / math.sqrt(16 * 9), rel=0.02)
    assert first.bias is not None
    assert not first.bias.any()


def test_scores_start_close_together() -> None:
    """An untrained network holds all classes for about equally likely."""
    network = build(_SMALL, size=16, classes=10).eval()
    chances = network(torch.randn(64, 3, 16, 16)).softmax(1)
    assert 0.05 < chances.min() < chances.max() < 0.2


def test_a_deep_network_keeps_the_size_of_its_signal() -> None:
    """Twenty convolutions with ReLU neither blow the signal up nor let it die."""
    rows = (*(Conv(width=64, activation="relu"),) * 20, GlobalPool(), Classes())
    network = build(rows, size=8, classes=2)
    maps = network[:-2](torch.randn(4, 3, 8, 8))
    assert 0.05 < maps.std().item() < 5


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_dirac_filters_pass_their_channels_through(kernel: int) -> None:
    """A convolution that starts as Dirac gives its input back in its first maps."""
    row = Conv(width=8, kernel=kernel, bias=False, start="dirac")
    network = build((row, GlobalPool(), Classes()), size=6, classes=2, channels=5)
    pictures = torch.randn(2, 5, 6, 6)
    maps = network[:-2](pictures)
    assert torch.equal(maps[:, :5], pictures)
    assert maps[:, 5:].std() > 0


def test_dirac_filters_fewer_than_channels_pass_the_first_ones() -> None:
    """With fewer filters than channels, as many channels pass as there are filters."""
    row = Conv(width=2, bias=False, start="dirac")
    network = build((row, GlobalPool(), Classes()), size=6, classes=2)
    pictures = torch.randn(2, 3, 6, 6)
    assert torch.equal(network[:-2](pictures), pictures[:, :2])


def test_an_even_kernel_looks_right_and_down() -> None:
    """With `same`, a kernel of two covers a pixel and the ones right of and below it."""
    row = Conv(width=1, kernel=2, bias=False)
    network = build((row, GlobalPool(), Classes()), size=3, classes=2, channels=1)
    convolution = network.get_submodule("conv1")
    assert isinstance(convolution, nn.Conv2d)
    nn.init.ones_(convolution.weight)
    ones = torch.ones(1, 1, 3, 3)
    assert network[:-2](ones)[0, 0].tolist() == [[4, 4, 2], [4, 4, 2], [2, 2, 1]]


def test_a_strided_same_convolution_is_padded_as_an_unstrided_one() -> None:
    """A stride picks every second place of the unstrided result, whatever the kernel."""
    for kernel in (2, 3, 4, 5):
        rows = [Conv(width=4, kernel=kernel, stride=stride) for stride in (1, 2)]
        dense, strided = (
            build((row, GlobalPool(), Classes()), size=9, classes=2)[:-2] for row in rows
        )
        strided.load_state_dict(dense.state_dict())
        pictures = torch.randn(1, 3, 9, 9)
        assert torch.allclose(dense(pictures)[:, :, ::2, ::2], strided(pictures), atol=1e-6)


def test_a_fixed_scale_stays_one() -> None:
    """A batch norm without a trained scale has none to unfreeze, and none to save."""
    network = build((Flatten(), BatchNorm(scale=False), Classes()), size=4, classes=2)
    norm = network.get_submodule("batchnorm2")
    assert [name for name, _ in norm.named_parameters()] == ["bias"]
    assert "weight" not in norm.state_dict()


def test_a_factor_on_the_scores_multiplies_them() -> None:
    """`Classes.scale` multiplies what the last layer gives."""
    rows = (Flatten(), Classes(bias=False, scale=0.25))
    network = build(rows, size=4, classes=2)
    last = network.get_submodule("classes2")
    pictures = torch.randn(3, 3, 4, 4)
    assert torch.allclose(network(pictures), 0.25 * last(pictures.flatten(1)))


def test_a_head_builds_on_a_map_and_on_a_vector() -> None:
    """Heads take a backbone's map or its averaged vector."""
    on_map = build_head((GlobalPool(), Classes()), features=(8, 3, 3), classes=4)
    on_vector = build_head((Dense(width=5), Classes()), features=(8,), classes=4)
    assert on_map(torch.zeros(2, 8, 3, 3)).shape == (2, 4)
    assert on_vector(torch.zeros(2, 8)).shape == (2, 4)


def test_initialise_shows_the_pictures_to_layers_that_learn_from_them() -> None:
    """A whitening row gets its filters from the pictures; other networks are left alone."""
    pictures = torch.randn(64, 3, 8, 8) * torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1)
    whitened = build((Whiten(kernel=1), GlobalPool(), Classes()), size=8, classes=2)
    initialise(whitened, pictures)
    deviations = whitened[:-2](pictures).std(dim=(0, 2, 3))
    assert torch.allclose(deviations, torch.ones(6), atol=0.05)
    plain = build(_SMALL, size=8, classes=2)
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    initialise(plain, pictures)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())


def test_large_tables_build_without_memory_on_the_meta_device() -> None:
    """A network of 100 million weights can be looked at without holding one."""
    with torch.device("meta"):
        network = build((Flatten(), Dense(width=25_000), Classes()), size=37, classes=10)
    lines = tabulate((Flatten(), Dense(width=25_000), Classes()), size=37, classes=10)
    held = sum(line.own.parameters.trained for line in flat(lines))
    assert sum(weights.numel() for weights in network.parameters()) == held > 100_000_000
