"""Blurring by a kernel: what kernels are made of, and how they are laid over pictures.

Planes are float B×C×H×W, B pictures.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["bell", "blurred", "disc", "reflected", "streaks"]

Floats = npt.NDArray[np.float64]

_AT_ONCE = 2_000_000
"""Values that are transformed at one time: with their spectra some 100 MB."""

_FINE = 2.0**-20
"""What blurred values are rounded to. Transforms err by less, in other ways in other batches."""


def blurred(planes: Tensor, kernels: Floats) -> Tensor:
    """Each picture blurred by its kernel (B×k×k), or all by one (1×k×k); edges are mirrored.

    By Fourier transforms: large kernels cost no more than small ones.
    """
    reach = kernels.shape[-1] // 2
    side = planes.shape[-1] + 2 * reach
    spectra = torch.fft.rfft2(torch.from_numpy(kernels).to(planes.device), (side, side))
    spectra = spectra.expand(len(planes), -1, -1)
    step = max(_AT_ONCE // (planes.shape[1] * side * side), 1)
    parts = [
        _laid(planes[start : start + step], spectra[start : start + step], reach)
        for start in range(0, len(planes), step)
    ]
    return torch.cat(parts)


def _laid(planes: Tensor, spectra: Tensor, reach: int) -> Tensor:
    side = planes.shape[-1] + 2 * reach
    index = torch.from_numpy(reflected(np.arange(-reach, side - reach), planes.shape[-1]))
    index = index.to(planes.device)
    wide = planes.double().index_select(2, index).index_select(3, index)
    found: Tensor = torch.fft.irfft2(torch.fft.rfft2(wide) * spectra[:, None], (side, side))
    inner = found[:, :, 2 * reach :, 2 * reach :] / _FINE
    return inner.round_().mul_(_FINE).float()


def reflected(places: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Places beyond the edge, mirrored at it as often as needed."""
    folded = places % (2 * size)
    return np.where(folded < size, folded, 2 * size - 1 - folded)


def bell(deviation: float) -> Floats:
    """A normal distribution, 1×k×k."""
    reach = max(math.ceil(4 * deviation), 1)
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    square = np.outer(line, line)
    return np.asarray((square / square.sum())[None])


def disc(radius: float, soft: float) -> Floats:
    """A disc whose edge is blurred by a deviation of `soft`, 1×k×k."""
    reach = math.ceil(radius + 4 * soft)
    places = np.arange(-reach, reach + 1)
    distance = np.hypot(places[:, None], places)
    sharp = np.clip(radius + 0.5 - distance, 0, 1)
    line = bell(soft)[0].sum(0)
    made = np.apply_along_axis(np.convolve, 0, sharp, line, mode="same")
    made = np.apply_along_axis(np.convolve, 1, made, line, mode="same")
    return np.asarray((made / made.sum())[None])


def streaks(angles: Floats, reach: float, deviation: float) -> Floats:
    """What a moving point leaves behind, B×k×k: most where it started, and less along `angles`.

    It is centred, so that nothing is moved as a whole.
    """
    along = np.arange(0, min(2 * reach, 4 * deviation) + 0.125, 0.25)
    weights = np.exp(-0.5 * (along / deviation) ** 2)
    weights /= weights.sum()
    along -= (weights * along).sum()
    edge = math.ceil(np.abs(along).max()) + 1
    right, down = np.cos(angles)[:, None] * along, np.sin(angles)[:, None] * along
    column, row = np.floor(right).astype(int), np.floor(down).astype(int)
    made = np.zeros((len(angles), 2 * edge + 1, 2 * edge + 1))
    which = np.broadcast_to(np.arange(len(angles))[:, None], right.shape)
    for below in (0, 1):
        for beside in (0, 1):
            share = (1 - abs(down - row - below)) * (1 - abs(right - column - beside))
            place = (which, row + edge + below, column + edge + beside)
            np.add.at(made, place, weights * share)
    return made
