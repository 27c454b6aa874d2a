"""Batch norms over the pictures of all processes of a team, where that is asked for.

torch's own does not run on the CPU and puts other modules into the network. Here the network stays
as it is: within a block, whatever calls `batch_norm` to train gets this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from bakeoff.training.team import Team

__all__ = ["Joint"]


class Joint(TorchFunctionMode):
    """A block in which batch norms that train take mean and variance over the whole team.

    All processes must send the same number of batches through the same network.
    """

    def __init__(self, team: Team) -> None:
        super().__init__()
        self._team = team

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func is functional.batch_norm and named["training"]:
            return _normalised(self._team, *args, **named)
        return func(*args, **named)


def _normalised(
    team: Team,
    batch: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    *,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    mean, variance, count = _moments(team, batch.detach())
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean, momentum)
            running_var.lerp_(variance * (count / (count - 1).clamp(min=1)), momentum)
    found: Tensor = _Norm.apply(batch, weight, bias, mean, variance, count, eps, team)  # type: ignore[no-untyped-call]
    return found


def _moments(team: Team, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance per channel of all processes' pictures, and of how many numbers."""
    own = batch.float()
    dims = _but_channels(own)
    count = own.numel() // own.shape[1]
    mean = own.sum(dims) / max(1, count)
    spread = (own - _wide(mean, own)).square().sum(dims)
    # Each process's own moments, and not sums of squares, which would lose the small digits.
    told = team.everyones(torch.cat([mean, spread, mean.new_tensor([count])]))
    means, spreads = told[:, : len(mean)], told[:, len(mean) : -1]
    counts = told[:, -1:]
    total = counts.sum()
    whole = (means * counts).sum(0) / total
    between = ((means - whole).square() * counts).sum(0)
    return whole, (spreads.sum(0) + between) / total, total


class _Norm(torch.autograd.Function):
    """The normalisation, which depends on every picture of every process."""

    @staticmethod
    def forward(
        ctx: Any,
        batch: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
        team: Team,
    ) -> Tensor:
        ctx.save_for_backward(batch, weight, mean, (variance + eps).rsqrt(), count)
        ctx.team = team
        return functional.batch_norm(batch, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        batch, weight, mean, scale, count = ctx.saved_tensors
        grad = grads[0].float()
        dims = _but_channels(grad)
        normal = (batch.float() - _wide(mean, batch)) * _wide(scale, batch)
        plain, along = grad.sum(dims), (grad * normal).sum(dims)
        shared = ctx.team.everyones(torch.cat([plain, along])).sum(0) / count
        constant, slope = shared[: len(plain)], shared[len(plain) :]
        rest = grad - _wide(constant, grad) - normal * _wide(slope, grad)
        factor = scale if weight is None else scale * weight
        moved = (rest * _wide(factor, grad)).to(batch.dtype)
        # Each process's part of these: they are added up with all other gradients.
        own = along if ctx.needs_input_grad[1] else None
        return moved, own, plain if ctx.needs_input_grad[2] else None, *(None,) * 5


def _but_channels(batch: Tensor) -> list[int]:
    return [number for number in range(batch.ndim) if number != 1]


def _wide(channels: Tensor, batch: Tensor) -> Tensor:
    """A number per channel, to be taken with a batch."""
    return channels.view(-1, *(1,) * (batch.ndim - 2))
