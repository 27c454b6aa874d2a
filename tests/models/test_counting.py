"""Counts: arithmetic against what torch holds, does and keeps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bakeoff.models.build import build
from bakeoff.models.counting import KERAS_BACKBONES, Cost, Parameters, count, frozen, memory
from bakeoff.models.table import tabulate, tabulate_head, total
from bakeoff.spec.network import (
    Activation,
    Attention,
    AvgPool,
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalPool,
    LayerNorm,
    MaxPool,
    Positions,
    Residual,
    Row,
    Scale,
    Whiten,
)

TABLES: dict[str, tuple[Row, ...]] = {
    "plain": (
        Conv(width=16, kernel=5),
        BatchNorm(activation="relu"),
        MaxPool(),
        Dropout(rate=0.2),
        Conv(width=24, groups=4, bias=False),
        Activation(function="silu"),
        AvgPool(),
        Flatten(),
        Dense(width=32, activation="tanh"),
        BatchNorm(),
        Classes(bias=False),
    ),
    "whitened": (
        Whiten(activation="gelu"),
        Conv(width=16, bias=False, start="dirac"),
        BatchNorm(scale=False, activation="gelu"),
        GlobalPool(mode="max"),
        Classes(bias=False, scale=0.1),
    ),
    "residual": (
        Residual(
            body=(Conv(width=16, stride=2), BatchNorm(), Conv(width=16)),
            shortcut=(Conv(width=16, kernel=1, stride=2), BatchNorm()),
            activation="relu",
        ),
        Residual(body=(Conv(width=32, kernel=2, stride=2),), drop=0.2),
        GlobalPool(),
        Classes(),
    ),
    "attentive": (
        Conv(width=16, kernel=4, stride=4, padding="valid"),
        Positions(),
        Residual(body=(LayerNorm(), Attention(heads=2), Scale())),
        GlobalPool(),
        LayerNorm(),
        Classes(),
    ),
}

tables = pytest.mark.parametrize("rows", TABLES.values(), ids=list(TABLES))


@tables
def test_parameters_are_those_of_the_built_network(rows: tuple[Row, ...]) -> None:
    """Arithmetic and torch agree on every number a network holds."""
    network = build(rows, size=(16, 20), classes=7)
    expected = total(tabulate(rows, size=(16, 20), classes=7)).parameters
    assert count(network) == expected
    assert expected.pytorch == sum(weights.numel() for weights in network.parameters())


@tables
def test_operations_are_those_torch_counts(rows: tuple[Row, ...]) -> None:
    """The arithmetic of operations matches torch's own counter, to the last one."""
    network = build(rows, size=16, classes=7).eval()
    picture = torch.zeros(1, 3, 16, 16)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        network(picture)
    assert total(tabulate(rows, size=16, classes=7)).flops == counter.get_total_flops()


@tables
def test_what_training_keeps_is_estimated_closely(rows: tuple[Row, ...]) -> None:
    """The estimate of numbers kept for the backward pass is near what autograd really saves."""
    network = build(rows, size=32, classes=7)
    own = {value.untyped_storage().data_ptr() for value in network.state_dict().values()}
    kept: dict[int, Tensor] = {}

    def note(value: Tensor) -> Tensor:
        kept[value.untyped_storage().data_ptr()] = value
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        scores = network(torch.randn(8, 3, 32, 32))
    measured = sum(
        value.untyped_storage().nbytes() for place, value in kept.items() if place not in own
    )
    assert scores.shape == (8, 7)
    estimate = 4 * 8 * total(tabulate(rows, size=32, classes=7)).kept
    assert 0.8 * measured < estimate < 1.5 * measured


def test_keras_counts_four_numbers_per_normalised_channel() -> None:
    """Keras adds running means and variances, which PyTorch does not call parameters."""
    parameters = count(nn.BatchNorm2d(8))
    assert (parameters.pytorch, parameters.keras) == (16, 32)


def test_filters_from_the_data_are_keras_numbers_and_not_pytorch_ones() -> None:
    """Fixed filters are in Keras's total; only their bias is a parameter."""
    parameters = total(tabulate(TABLES["whitened"], size=8, classes=2)).parameters
    assert parameters.fixed == 24 * 12
    assert parameters.keras == parameters.pytorch + 24 * 12 + 2 * 16


def test_frozen_weights_are_counted_apart() -> None:
    """A frozen network has the same totals and trains nothing."""
    network = build(TABLES["plain"], size=16, classes=7)
    before = count(network)
    network.requires_grad_(False)
    after = count(network)
    assert after == frozen(before)
    assert after.trained == 0
    assert (after.keras, after.pytorch) == (before.keras, before.pytorch)


def test_memory_adds_weights_gradients_optimiser_and_batch() -> None:
    """Training memory is four bytes per held number, and `width` per number kept of a batch."""
    whole = Cost(parameters=Parameters(trained=100, statistics=10), kept=50)
    assert memory(whole, batch=2) == 4 * (110 + 2 * 100) + 4 * 2 * 50
    assert memory(whole, batch=2, slots=2, width=2) == 4 * (110 + 3 * 100) + 2 * 2 * 50


def test_keras_backbones_have_the_published_totals() -> None:
    """VGG-16's total follows from its published layers."""
    rows: list[Row] = []
    for width, times in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        rows += [Conv(width=width)] * times + [MaxPool()]
    lines = tabulate_head([*rows, GlobalPool(), Classes()], features=(3, 224, 224), classes=2)
    assert lines[-3].output == (512, 7, 7)
    assert total(lines[:-2]).parameters.keras == KERAS_BACKBONES["vgg16"]
