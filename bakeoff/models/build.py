"""A table becomes a network."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from bakeoff.models.layers import (
    Attend,
    ChannelNorm,
    Factor,
    Pooled,
    Positioned,
    ResidualBlock,
    Scaled,
    Whitening,
)
from bakeoff.models.shapes import Shape
from bakeoff.models.table import Line, tabulate, tabulate_head
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

__all__ = ["build", "build_head", "initialise"]

_NONLINEAR: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "celu": nn.CELU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
}

_UNDECIDED = 0.1
"""The scores start close together: all classes about equally likely."""


def build(
    rows: Iterable[Row], *, size: int | tuple[int, int], classes: int, channels: int = 3
) -> nn.Sequential:
    """The network that `rows` describe: normalised pictures in, one score per class out.

    First weights come from torch's global generator: seed it for the same ones again.
    """
    return _sequence(tabulate(rows, size=size, classes=classes, channels=channels))


def build_head(rows: Iterable[Row], *, features: Shape, classes: int) -> nn.Sequential:
    """The head that `rows` describe, on a backbone's features: a map, or a vector."""
    return _sequence(tabulate_head(rows, features=features, classes=classes))


def initialise(network: nn.Module, pictures: Tensor) -> None:
    """Let the layers that start from the data see some: normalised training pictures, N×C×H×W.

    Does nothing to a network without such layers.
    """
    for module in network.modules():
        if isinstance(module, Whitening):
            module.learn(pictures)


def _sequence(lines: Sequence[Line]) -> nn.Sequential:
    """Modules named by kind and place, such as `conv1`: state dicts stay readable."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for place, line in enumerate(lines):
        following = lines[place + 1].row if place + 1 < len(lines) else None
        name = f"{type(line.row).__name__.lower()}{place + 1}"
        modules.update({f"{name}{part}": made for part, made in _modules(line, following)})
    return nn.Sequential(modules)


def _modules(line: Line, following: Row | None) -> list[tuple[str, nn.Module]]:
    row = line.row
    made = [("", _module(line))]
    if isinstance(row, Conv) and row.padding == "same" and row.kernel % 2 == 0:
        before, behind = (row.kernel - 1) // 2, row.kernel // 2
        made.insert(0, ("_pad", nn.ZeroPad2d((before, behind, before, behind))))
    if isinstance(row, Conv | Dense | Classes):
        _start(made[-1][1], row, following)
    if isinstance(row, Classes) and row.scale != 1:
        made.append(("_factor", Factor(row.scale)))
    function = getattr(row, "activation", "none")
    if function != "none":
        made.append((f"_{function}", _NONLINEAR[function]()))
    return made


def _module(line: Line) -> nn.Module:
    row, inputs, output = line.row, line.inputs, line.output
    match row:
        case Conv():
            odd_same = row.padding == "same" and row.kernel % 2 == 1
            return nn.Conv2d(
                inputs[0],
                row.width,
                row.kernel,
                stride=row.stride,
                padding=row.kernel // 2 if odd_same else 0,
                groups=row.groups,
                bias=row.bias,
            )
        case Whiten():
            return Whitening(inputs[0], row.kernel, row.epsilon, row.learns)
        case BatchNorm():
            return _batch_norm(row, inputs)
        case Attention():
            return _attention(inputs[0], row.heads)
        case Dense() | Classes():
            return nn.Linear(inputs[0], output[0], bias=row.bias)
        case Residual():
            shortcut = _sequence(line.shortcut) if line.shortcut else nn.Identity()
            return ResidualBlock(_sequence(line.body), shortcut, row.drop)
        case _:
            return _plain(row, inputs)


def _plain(row: Row, inputs: Shape) -> nn.Module:
    match row:
        case LayerNorm():
            if len(inputs) == 1:
                return nn.LayerNorm(inputs[0], eps=row.epsilon)
            return ChannelNorm(inputs[0], row.epsilon)
        case Scale():
            return Scaled(inputs, row.start)
        case Positions():
            return Positioned(inputs)
        case Activation():
            return _NONLINEAR[row.function]()
        case MaxPool():
            return nn.MaxPool2d(row.size)
        case AvgPool():
            return nn.AvgPool2d(row.size)
        case GlobalPool():
            return Pooled(row.mode)
        case Flatten():
            return nn.Flatten()
        case _:
            assert isinstance(row, Dropout), f"no module is known for {type(row).__name__}"
            return nn.Dropout(row.rate)


def _batch_norm(row: BatchNorm, inputs: Shape) -> nn.Module:
    kind = nn.BatchNorm1d if len(inputs) == 1 else nn.BatchNorm2d
    norm = kind(inputs[0], eps=row.epsilon, momentum=row.momentum)
    if not row.scale:
        # A buffer of ones: nothing that unfreezes parameters can set it going.
        del norm.weight
        norm.register_buffer("weight", torch.ones(inputs[0]), persistent=False)
    return norm


def _attention(channels: int, heads: int) -> nn.Module:
    attend = Attend(channels, heads)
    for linear in (attend.gather, attend.mix):
        _fill(linear.weight, channels, 1.0)
        nn.init.zeros_(linear.bias)
    return attend


def _start(module: nn.Module, row: Conv | Dense | Classes, following: Row | None) -> None:
    assert isinstance(module, nn.Conv2d | nn.Linear)
    weight = module.weight
    _fill(weight, weight[0].numel(), _gain(row, following))
    if isinstance(row, Conv) and row.start == "dirac":
        centre = (row.kernel - 1) // 2
        with torch.no_grad():
            for channel in range(min(weight.shape[:2])):
                weight[channel] = 0
                weight[channel, channel, centre, centre] = 1
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def _fill(weight: Tensor, fan_in: int, gain: float) -> None:
    # Cut at two deviations, so that no weight starts far out; the factor restores the deviation.
    deviation = gain / math.sqrt(fan_in) / 0.8796
    nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)


def _gain(row: Conv | Dense | Classes, following: Row | None) -> float:
    """How much a nonlinearity takes away, to be given beforehand (He); 1 where there is none."""
    if isinstance(row, Classes):
        return _UNDECIDED
    function = getattr(row, "activation", "none")
    if function == "none" and isinstance(following, Activation):
        function = following.function
    if function == "none" and isinstance(following, BatchNorm):
        function = following.activation
    if function == "none":
        return 1.0
    return 5 / 3 if function == "tanh" else math.sqrt(2)
