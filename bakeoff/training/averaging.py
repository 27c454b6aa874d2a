"""Weights that follow the trained ones at a distance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["Average", "Lookahead"]


class Average:
    """The exponential moving average of a network's weights.

    Running statistics of batch norms are averaged with the weights they belong to; whole-number
    buffers, such as counts of batches, are taken as they are. Until it has seen much the average
    forgets faster than it is told to, or the first weights would linger in it.
    """

    def __init__(self, network: nn.Module, memory: float) -> None:
        assert 0 <= memory < 1, memory
        self.memory = memory
        self.updates = 0
        self._live = _state(network)
        self._held = {name: tensor.detach().clone() for name, tensor in self._live.items()}
        floating = [name for name, tensor in self._live.items() if tensor.is_floating_point()]
        self._floating = floating
        self._whole = [name for name in self._live if name not in set(floating)]

    @torch.no_grad()
    def update(self) -> None:
        """Take the network's present weights in. After each step."""
        self.updates += 1
        memory = min(self.memory, (1 + self.updates) / (10 + self.updates))
        held = [self._held[name] for name in self._floating]
        live = [self._live[name] for name in self._floating]
        if held:
            torch._foreach_lerp_(held, live, 1 - memory)
        for name in self._whole:
            self._held[name].copy_(self._live[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """In this block the network has the averaged weights; afterwards its own, bit by bit."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        # Values move, not tensors: compiled code and optimisers hold on to the tensors.
        for name, live in self._live.items():
            kept = live.detach().clone()
            live.copy_(self._held[name])
            self._held[name].copy_(kept)

    def tensors(self) -> dict[str, Tensor]:
        """The averaged weights and buffers, by their names in the network."""
        return dict(self._held)

    def load(self, tensors: Mapping[str, Tensor], updates: int) -> None:
        """Go on from saved `tensors` after that many `updates`."""
        _load(self._held, tensors)
        self.updates = updates


class Lookahead:
    """Slow weights that every few steps go part of the way to the trained ones, which then go on
    from there. Parameters only: buffers keep what they have seen."""

    def __init__(self, network: nn.Module, every: int, *, pull: float = 0.5) -> None:
        assert every >= 1, every
        self.every = every
        self.pull = pull
        self.steps = 0
        self._live: dict[str, Tensor] = {
            name: parameter
            for name, parameter in network.named_parameters()
            if parameter.requires_grad
        }
        self._slow = {name: tensor.detach().clone() for name, tensor in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Count a step, and pull if it is time."""
        self.steps += 1
        if self.steps % self.every == 0:
            # What came to rest meanwhile is not pulled either.
            moving = [name for name, held in self._live.items() if held.requires_grad]
            slow, live = ([held[name] for name in moving] for held in (self._slow, self._live))
            torch._foreach_lerp_(slow, live, self.pull)
            torch._foreach_copy_(live, slow)

    def tensors(self) -> dict[str, Tensor]:
        """The slow weights, by name."""
        return dict(self._slow)

    def load(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Go on from saved `tensors` after that many `steps`."""
        _load(self._slow, tensors)
        self.steps = steps


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


@torch.no_grad()
def _load(held: dict[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    assert held.keys() == tensors.keys(), held.keys() ^ tensors.keys()
    for name, tensor in held.items():
        tensor.copy_(tensors[name])
