"""The few layers that torch does not have ready. All keep a channels-last map channels-last."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "Attend",
    "ChannelNorm",
    "Factor",
    "Pooled",
    "Positioned",
    "ResidualBlock",
    "Scaled",
    "Whitening",
]

_PIECE = 256
"""Pictures whose patches are held at once while a whitening learns."""


class Whitening(nn.Module):
    """Fixed filters that turn patches into whitened components, with a trained bias.

    Until it has learnt from pictures it passes each pixel of the patch through, with both signs.
    """

    filters: Tensor

    def __init__(self, channels: int, kernel: int, epsilon: float, learns: float = 1.0) -> None:
        super().__init__()
        self.kernel = kernel
        self.epsilon = epsilon
        self.learns = learns
        """Share of training in which the bias moves."""
        components = channels * kernel**2
        # A buffer: saved with the weights, out of reach of optimisers and of unfreezing.
        self.register_buffer("filters", self._signed(torch.eye(components), channels))
        self.bias = nn.Parameter(torch.zeros(2 * components))

    def forward(self, pictures: Tensor) -> Tensor:
        return functional.conv2d(pictures, self.filters.to(pictures.dtype), self.bias)

    @torch.no_grad()
    def learn(self, pictures: Tensor) -> None:
        """Set the filters from normalised pictures. A few thousand are plenty."""
        channels = pictures.shape[1]
        size = channels * self.kernel**2
        moments = torch.zeros(size, size, dtype=torch.float64)
        patches = 0
        for first in range(0, len(pictures), _PIECE):
            piece = pictures[first : first + _PIECE].cpu().double()
            columns = functional.unfold(piece, self.kernel)
            columns = columns.transpose(0, 1).reshape(size, -1)
            moments += columns @ columns.T
            patches += columns.shape[1]
        variances, directions = torch.linalg.eigh(moments / patches)
        # Rounding may leave the smallest variance a little below zero.
        scales = (variances.clamp(min=0) + self.epsilon).rsqrt()
        whitened = (directions * scales).T.flip(0)
        self.filters.copy_(self._signed(whitened.float(), channels))

    def _signed(self, rows: Tensor, channels: int) -> Tensor:
        return torch.cat([rows, -rows]).view(-1, channels, self.kernel, self.kernel)


class ChannelNorm(nn.Module):
    """Layer normalisation of each place of a map over its channels."""

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        last = maps.permute(0, 2, 3, 1)
        shape = self.weight.shape
        normal = functional.layer_norm(last, shape, self.weight, self.bias, self.epsilon)
        return normal.permute(0, 3, 1, 2)


class Scaled(nn.Module):
    """A trained factor per channel of a map, or per feature of a vector."""

    def __init__(self, shape: tuple[int, ...], start: float) -> None:
        super().__init__()
        ones = (1,) * (len(shape) - 1)
        self.weight = nn.Parameter(torch.full((shape[0], *ones), start))

    def forward(self, values: Tensor) -> Tensor:
        return values * self.weight


class Factor(nn.Module):
    """One factor, fixed."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: Tensor) -> Tensor:
        return values * self.factor


class Positioned(nn.Module):
    """Adds a trained vector to each place of a map."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.02))

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.weight


class Attend(nn.Module):
    """Multi-head self-attention over the places of a map."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.gather = nn.Linear(channels, 3 * channels)
        self.mix = nn.Linear(channels, channels)

    def forward(self, maps: Tensor) -> Tensor:
        batch, channels, height, width = maps.shape
        places = maps.flatten(2).transpose(1, 2)
        split = self.gather(places).view(batch, -1, 3, self.heads, channels // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind()
        found = functional.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.mix(found.transpose(1, 2).reshape(batch, -1, channels))
        return mixed.transpose(1, 2).reshape(batch, channels, height, width)


class Pooled(nn.Module):
    """The mean or the largest value of each channel of a map."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3)) if self.mode == "mean" else maps.amax((2, 3))


class ResidualBlock(nn.Module):
    """A body and a way round it, added."""

    def __init__(self, body: nn.Module, shortcut: nn.Module, drop: float) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.drop = drop

    def forward(self, values: Tensor) -> Tensor:
        change: Tensor = self.body(values)
        if self.training and self.drop:
            # Per picture; what is left is raised so that the mean stays.
            shape = (len(values),) + (1,) * (values.dim() - 1)
            keep = 1 - self.drop
            change = change * (change.new_empty(shape).bernoulli_(keep) / keep)
        way: Tensor = self.shortcut(values)
        return torch.add(way, change)
