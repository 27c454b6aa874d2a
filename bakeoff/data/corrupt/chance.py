"""Random numbers of pictures, each picture's by a key of its own.

As in `draws`, a number is a hash of the place it is for: a picture is corrupted alike in whatever
batch it comes, in whatever order, on whatever machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bakeoff.data.draws import hashed

__all__ = ["Chance", "chance"]

Floats = npt.NDArray[np.float64]

# SplitMix64 as in `draws`, on the device, where 64 bits have a sign.
_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64

_BITS = 23
"""Of a number: with half of the last one added it is still exact, and neither 0 nor 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Chance:
    """The random numbers of one strain on some pictures."""

    keys: npt.NDArray[np.int64]
    device: torch.device

    def numbers(self, name: str) -> Floats:
        """One number between 0 and 1 for each picture; another name gives unrelated ones."""
        return np.asarray((hashed(self.keys, "number", name) >> np.uint64(11)) * 2.0**-53)

    def spread(self, name: str, low: float, high: float) -> Floats:
        """One number between `low` and `high` for each picture."""
        return low + (high - low) * self.numbers(name)

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Numbers between 0 and 1, pictures × `shape`."""
        return _unit(self._bits(name, shape), 64 - _BITS)

    def normal(self, name: str, *shape: int) -> Tensor:
        """Numbers of the normal distribution, pictures × `shape`."""
        bits = self._bits(name, shape)
        # Box and Muller: a distance and a direction, from two halves of one hash.
        distance = (-2 * _unit(bits, 64 - _BITS).log()).sqrt()
        return distance * (2 * math.pi * _unit(bits, 32 - _BITS)).cos()

    def _bits(self, name: str, shape: tuple[int, ...]) -> Tensor:
        starts = torch.from_numpy(hashed(self.keys, "field", name).view(np.int64)).to(self.device)
        places = torch.arange(1, math.prod(shape) + 1, device=self.device) * _GOLDEN
        bits = starts[:, None] + places
        bits = (bits ^ _shifted(bits, 30)) * _FIRST
        bits = (bits ^ _shifted(bits, 27)) * _SECOND
        return (bits ^ _shifted(bits, 31)).view(len(starts), *shape)


def chance(indices: npt.NDArray[np.int64], name: str, *, seed: int, device: torch.device) -> Chance:
    """The random numbers of the strain `name` on pictures with these numbers in their dataset.

    The same at every severity, so that severities differ by nothing else.
    """
    keys = hashed(indices, "strain", name, seed) >> np.uint64(1)
    return Chance(keys=keys.astype(np.int64), device=device)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """To the right, with zeros coming in."""
    return (bits >> by) & ((1 << (64 - by)) - 1)


def _unit(bits: Tensor, lowest: int) -> Tensor:
    taken = (bits >> lowest) & ((1 << _BITS) - 1)
    return (taken.float() + 0.5) * 2.0**-_BITS
