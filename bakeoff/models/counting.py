"""Parameters in Keras's way and in PyTorch's, operations, memory. Needs no torch.

The two ways differ over what is not trained. PyTorch's total is the parameters: what an optimiser
may move. Keras's total adds a batch norm's running mean and variance, and filters that are fixed
from the start, so that its total is every number that a saved model needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakeoff.models.shapes import Shape
from bakeoff.spec.network import (
    Activation,
    Attention,
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    MaxPool,
    Nonlinearity,
    Positions,
    Residual,
    Row,
    Scale,
    Whiten,
)

if TYPE_CHECKING:
    from torch import nn

__all__ = ["KERAS_BACKBONES", "Cost", "Parameters", "cost", "count", "frozen", "memory"]

KERAS_BACKBONES = MappingProxyType(
    {
        "inception_v3": 21_802_784,
        "resnet50": 23_587_712,
        "vgg16": 14_714_688,
        "xception": 20_861_480,
    }
)
"""Keras's own totals of backbones without their classifier, by architecture. Its ResNet-50 gives
each of 53 convolutions a bias, 26,560 numbers that the PyTorch one does without: the batch norm
that follows takes them away again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How many numbers a network holds."""

    trained: int = 0
    """Parameters that training moves: trainable, in Keras's way and PyTorch's."""

    frozen: int = 0
    """Parameters held still for now."""

    fixed: int = 0
    """Filters that are never trained."""

    statistics: int = 0
    """Running means and variances."""

    @property
    def pytorch(self) -> int:
        """The total in PyTorch's way."""
        return self.trained + self.frozen

    @property
    def keras(self) -> int:
        """The total in Keras's way."""
        return self.pytorch + self.fixed + self.statistics

    def __add__(self, other: Parameters) -> Parameters:
        return Parameters(
            trained=self.trained + other.trained,
            frozen=self.frozen + other.frozen,
            fixed=self.fixed + other.fixed,
            statistics=self.statistics + other.statistics,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one row, or a whole network, costs."""

    parameters: Parameters = Parameters()
    """Numbers held."""

    flops: int = 0
    """Operations for one picture, forward: two for each multiply-add of convolutions, dense layers
    and attention. The rest is left out, as is usual."""

    kept: int = 0
    """Numbers per picture that training keeps from forward to backward: an estimate."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            parameters=self.parameters + other.parameters,
            flops=self.flops + other.flops,
            kept=self.kept + other.kept,
        )


def cost(row: Row, inputs: Shape, output: Shape) -> Cost:
    """What `row` costs between these shapes; rows inside a residual row are counted apart."""
    return Cost(
        parameters=_parameters(row, inputs, output),
        flops=_flops(row, inputs, output),
        kept=_kept(row, output),
    )


def frozen(parameters: Parameters) -> Parameters:
    """The same numbers with nothing trained."""
    return Parameters(
        frozen=parameters.pytorch, fixed=parameters.fixed, statistics=parameters.statistics
    )


def memory(whole: Cost, *, batch: int, slots: int = 1, width: int = 4) -> int:
    """Bytes that training takes, about: weights, gradients, `slots` numbers of the optimiser's per
    weight (one for momentum, two for Adam), and what is kept of a batch at `width` bytes a number.
    """
    held = whole.parameters.keras + (1 + slots) * whole.parameters.trained
    return 4 * held + width * batch * whole.kept


def count(module: nn.Module) -> Parameters:
    """The numbers a real module holds, whoever made it."""
    trained = frozen = fixed = statistics = 0
    for parameter in module.parameters():
        if parameter.requires_grad:
            trained += parameter.numel()
        else:
            frozen += parameter.numel()
    for name, buffer in module.named_buffers():
        last = name.rpartition(".")[2]
        if last in ("running_mean", "running_var"):
            statistics += buffer.numel()
        elif last == "filters":
            fixed += buffer.numel()
    return Parameters(trained=trained, frozen=frozen, fixed=fixed, statistics=statistics)


def _parameters(row: Row, inputs: Shape, output: Shape) -> Parameters:
    channels = inputs[0]
    match row:
        case Conv():
            weights = row.width * channels // row.groups * row.kernel**2
            return Parameters(trained=weights + row.bias * row.width)
        case Whiten():
            return Parameters(trained=output[0], fixed=output[0] * channels * row.kernel**2)
        case BatchNorm():
            return Parameters(trained=(1 + row.scale) * channels, statistics=2 * channels)
        case LayerNorm():
            return Parameters(trained=2 * channels)
        case Scale():
            return Parameters(trained=channels)
        case Positions():
            return Parameters(trained=prod(inputs))
        case Attention():
            return Parameters(trained=4 * channels * (channels + 1))
        case Dense() | Classes():
            return Parameters(trained=(channels + row.bias) * output[0])
        case _:
            return Parameters()


def _flops(row: Row, inputs: Shape, output: Shape) -> int:
    channels = inputs[0]
    match row:
        case Conv():
            return 2 * prod(output) * channels // row.groups * row.kernel**2
        case Whiten():
            return 2 * prod(output) * channels * row.kernel**2
        case Attention():
            places = prod(inputs[1:])
            return 8 * places * channels**2 + 4 * places**2 * channels
        case Dense() | Classes():
            return 2 * channels * output[0]
        case _:
            return 0


def _kept(row: Row, output: Shape) -> int:
    # A layer's output is kept once, by whatever reads it. More is kept where a function needs its
    # input as well, where a pool notes places (8 bytes each) or a dropout its mask.
    values = prod(output)
    match row:
        case Flatten():
            return 0
        case Attention():
            return 5 * values
        case MaxPool():
            return 3 * values
        case Dropout():
            return 2 * values
        case Activation():
            return values if row.function in _FROM_RESULT else 2 * values
        case Conv() | Whiten() | BatchNorm() | Dense() | Residual():
            return values if row.activation in _FROM_RESULT else 2 * values
        case _:
            return values


_FROM_RESULT: tuple[Nonlinearity, ...] = ("none", "relu", "tanh")
"""Nonlinearities whose slope can be told from their result."""
