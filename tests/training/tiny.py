"""A network small enough to train in a moment, with all kinds of parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bakeoff.training.loss import cross_entropy
from bakeoff.training.optimisers import Updater

__all__ = ["equal", "network", "step"]


def network(seed: int = 0) -> nn.Sequential:
    """Convolutions with norms, two of one shape and one taller than wide, and a linear head."""
    torch.manual_seed(seed)
    made = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(32, 5),
    )
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def step(net: nn.Module, updates: Updater, number: int, factor: float = 1.0) -> float:
    """One step on pictures that depend on its number only; the loss."""
    chance = torch.Generator().manual_seed(number)
    pictures = torch.randn(8, 3, 8, 8, generator=chance)
    targets = torch.randint(0, 5, (8,), generator=chance)
    loss = cross_entropy(net(pictures), targets, total=8)
    updates.clear()
    loss.backward()  # type: ignore[no-untyped-call]
    updates.step(factor)
    return float(loss.detach())


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two named sets of tensors have the same bits."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )
