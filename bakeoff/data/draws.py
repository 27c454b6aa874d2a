"""Chance without state: every random number is a hash of the seed and of the place it is for.

Nothing is carried from one number to the next, so a resumed run, another number of workers or
another prefetch depth sees the same numbers; and they do not change with the versions of NumPy
and PyTorch, as those of their generators may.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Draws", "balanced", "hashed", "order"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def hashed(places: npt.NDArray[np.int64], *key: object) -> npt.NDArray[np.uint64]:
    """64 well mixed bits for each place (0 or more); another key gives unrelated ones."""
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    start = np.array(int.from_bytes(digest, "little"), dtype=np.uint64)
    # SplitMix64: one multiplication by the golden ratio, then its finishing rounds.
    bits = (places.astype(np.uint64) + np.uint64(1)) * _GOLDEN + start
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def order(count: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The places 0 to count - 1, shuffled."""
    return np.argsort(hashed(np.arange(count), "order", seed, epoch), kind="stable")


def balanced(labels: npt.NDArray[np.int64], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """As many places as there are labels, shuffled, each class equally often.

    A class goes through all its places before it begins again, across epochs: where it has more of
    them than an epoch shows, the next epoch goes on with the others.
    """
    classes, which = np.unique(labels, return_inverse=True)
    members = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    # So many of each class are shown before an epoch begins, and before the next does; the parts
    # add up to whole epochs.
    bounds = [
        [(at * len(labels) + place) // len(classes) for at in (epoch, epoch + 1)]
        for place in range(len(classes))
    ]
    chosen = [
        _from_passes(held, label, seed, *between)
        for held, label, between in zip(members, classes.tolist(), bounds, strict=True)
    ]
    return np.concatenate(chosen)[order(len(labels), seed, epoch)]


def _from_passes(
    places: npt.NDArray[np.int64], label: int, seed: int, begin: int, end: int
) -> npt.NDArray[np.int64]:
    """Those from `begin` to `end` of one shuffled pass over `places` after another."""
    count = len(places)
    first, last = begin // count, -(-end // count)
    bits = hashed(np.arange(first * count, last * count), "balanced", seed, label)
    passes = places[np.argsort(bits.reshape(-1, count), axis=1, kind="stable")].ravel()
    return passes[begin - first * count : end - first * count]


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """The random numbers of one batch, or of the slice of it that one process holds."""

    seed: int
    epoch: int
    step: int

    first: int
    """Place in the epoch of the first picture here. Counted over all processes, so that a picture
    is drawn for alike however many there are."""

    indices: npt.NDArray[np.int64]
    """Number of each picture in its dataset: the same in every epoch."""

    def uniform(self, name: str) -> npt.NDArray[np.float64]:
        """One number from 0 up to 1 for each picture; another name gives unrelated ones."""
        places = np.arange(self.first, self.first + len(self.indices))
        return _unit(hashed(places, "uniform", name, self.seed, self.epoch))

    def spread(self, name: str, reach: float) -> npt.NDArray[np.float64]:
        """One number between -reach and reach for each picture."""
        return (2 * self.uniform(name) - 1) * reach

    def coin(self, name: str) -> npt.NDArray[np.bool_]:
        """Heads or tails for each picture."""
        return self.uniform(name) < 0.5

    def alternating(self, name: str) -> npt.NDArray[np.bool_]:
        """Heads or tails for each picture in epoch 0, and the other side in every next one."""
        heads = _unit(hashed(self.indices, "alternating", name, self.seed)) < 0.5
        return heads ^ (self.epoch % 2 == 1)

    def beta(self, name: str, parameter: float) -> npt.NDArray[np.float64]:
        """One number from Beta(parameter, parameter) for each picture."""
        quantiles, values = _beta_table(parameter)
        return np.asarray(np.interp(self.uniform(name), quantiles, values))

    def batch_coin(self, name: str) -> bool:
        """Heads or tails for the batch, the same in all processes."""
        place = np.array([self.step])
        return bool(_unit(hashed(place, "batch", name, self.seed, self.epoch))[0] < 0.5)


def _unit(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53)


@lru_cache(maxsize=16)
def _beta_table(parameter: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Distribution function of Beta(parameter, parameter), as quantiles and their values.

    Summed over the log odds, where the density is smooth even for parameters far below 1; over
    the values themselves it is infinite at both ends.
    """
    reach = 30 / parameter + 10 / parameter**0.5
    odds = np.linspace(-reach, reach, 8193)
    # log of x(1 - x) at odds t is -t - 2 log(1 + exp(-t)); the density there is its power.
    log_density = -parameter * (np.abs(odds) + 2 * np.log1p(np.exp(-np.abs(odds))))
    density = np.exp(log_density - log_density.max())
    quantiles = np.cumsum((density[1:] + density[:-1]) / 2)
    quantiles = np.concatenate([[0.0], quantiles / quantiles[-1]])
    return quantiles, 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
