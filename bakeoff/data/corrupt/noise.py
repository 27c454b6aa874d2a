"""What a sensor adds."""

from __future__ import annotations

import torch
from torch import Tensor

from bakeoff.data.augment.planes import interleaved, planar
from bakeoff.data.corrupt.chance import Chance
from bakeoff.data.corrupt.severity import strength

__all__ = ["gaussian_noise", "impulse_noise", "shot_noise"]


def gaussian_noise(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """As in little light: every value off by a normal draw."""
    small, large = (0.04, 0.06, 0.08, 0.09, 0.10), (0.08, 0.12, 0.18, 0.26, 0.38)
    deviation = 255 * strength(small, large, severity, images.shape[1])
    planes = planar(images)
    return interleaved(planes + deviation * chance.normal("noise", *planes.shape[1:]))


def shot_noise(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """As from counting photons: a Poisson draw around each value."""
    small, large = (500, 250, 100, 75, 50), (60, 25, 12, 5, 3)
    photons = strength(small, large, severity, images.shape[1])
    counts = _poisson(images, photons, chance.uniform("noise", *images.shape[1:]))
    return (counts * (255 / photons)).round_().clamp_(0, 255).to(torch.uint8)


def impulse_noise(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """As from bits that flip: some values are nothing or all there is."""
    small, large = (0.01, 0.02, 0.03, 0.05, 0.07), (0.03, 0.06, 0.09, 0.17, 0.27)
    share = strength(small, large, severity, images.shape[1])
    drawn = chance.uniform("noise", *images.shape[1:])
    salted = torch.where(drawn < share / 2, 255, images)
    return torch.where(drawn > 1 - share / 2, 0, salted)


def _poisson(images: Tensor, photons: float, drawn: Tensor) -> Tensor:
    """Counts whose mean is the value's share of `photons`, from where `drawn` falls.

    There are 256 values, so their distributions are laid end to end in one table.
    """
    most = int(photons + 8 * photons**0.5 + 8)
    counts = torch.arange(most + 1, dtype=torch.float64)
    means = torch.arange(256, dtype=torch.float64)[:, None] * (photons / 255)
    shares = (torch.xlogy(counts, means) - means - torch.lgamma(counts + 1)).exp()
    # The last one is left out, so that the table never holds a number beyond its row.
    table = (shares.cumsum(1)[:, :-1].clamp(max=1) + torch.arange(256)[:, None]).flatten()
    sought = images.double() + drawn.double()
    found = torch.searchsorted(table.to(images.device), sought)
    return (found - images.long() * most).float()
