"""What a lens, a pane and a hand do."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bakeoff.data.augment.planes import interleaved, planar
from bakeoff.data.corrupt.chance import Chance
from bakeoff.data.corrupt.kernels import bell, blurred, disc, streaks
from bakeoff.data.corrupt.severity import length, strength

__all__ = ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur"]

_ZOOMS = 11
"""Pictures that a zoom blur lays over one another."""


def defocus_blur(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """As out of focus: every point becomes a disc. Nothing in it is random."""
    side = images.shape[1]
    radius = length((0.3, 0.4, 0.5, 1, 1.5), (3, 4, 6, 8, 10), severity, side)
    soft = length((0.4, 0.5, 0.6, 0.2, 0.1), (0.1, 0.5, 0.5, 0.5, 0.5), severity, side)
    return interleaved(blurred(planar(images), disc(radius, soft)))


def glass_blur(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """As through frosted glass: pixels with the colours of near ones."""
    side = images.shape[1]
    soft = length((0.3, 0.3, 0.3, 0.3, 0.3), (0.7, 0.9, 1, 1.1, 1.5), severity, side)
    reach = length((0.6, 0.75, 0.9, 1.15, 1.5), (1.4, 2, 2.5, 3.2, 4.2), severity, side)
    kernel = bell(soft)
    planes = _shuffled(blurred(planar(images), kernel), reach, chance)
    return interleaved(blurred(planes, kernel))


def motion_blur(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """As from a moving hand, each picture along an angle of its own."""
    side = images.shape[1]
    reach = length((6, 6, 6, 8, 9), (10, 15, 15, 15, 20), severity, side)
    deviation = length((1, 1.5, 2, 2.25, 2.5), (3, 5, 8, 12, 15), severity, side)
    angles = np.radians(chance.spread("angle", -45, 45))
    return interleaved(blurred(planar(images), streaks(angles, reach, deviation)))


def zoom_blur(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """As from driving towards it. Nothing in it is random."""
    small, large = (1.05, 1.10, 1.15, 1.20, 1.25), (1.10, 1.15, 1.20, 1.24, 1.30)
    most = strength(small, large, severity, images.shape[1])
    planes, side = planar(images), images.shape[1]
    places = (torch.arange(side, device=images.device) * 2 + 1) / side - 1
    total = torch.zeros_like(planes)
    for scale in np.linspace(1, most, _ZOOMS).tolist():
        rows, columns = torch.meshgrid(places / scale, places / scale, indexing="ij")
        grid = torch.stack([columns, rows], dim=-1).expand(len(planes), -1, -1, -1)
        total += torch.nn.functional.grid_sample(
            planes, grid, "bilinear", "border", align_corners=False
        )
    return interleaved(total / _ZOOMS)


def _shuffled(planes: Tensor, reach: float, chance: Chance) -> Tensor:
    """Each pixel with the colour of one that is at most about `reach` rows and columns away."""
    count, colours, side = planes.shape[:3]
    steps = ((2 * chance.uniform("steps", 2, side, side) - 1) * reach).round_().long()
    places = torch.arange(side, device=planes.device)
    rows = (places[:, None] + steps[:, 0]).clamp_(0, side - 1)
    columns = (places + steps[:, 1]).clamp_(0, side - 1)
    index = (rows * side + columns).view(count, 1, -1).expand(-1, colours, -1)
    return planes.flatten(2).gather(2, index).view(planes.shape)
