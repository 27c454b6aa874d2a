"""Shapes of chance: clouds, and ice on a pane. One plane or three for each picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bakeoff.data.corrupt.chance import Chance

__all__ = ["clouds", "enlarged", "frosting"]

_ICE = (0.86, 0.95, 1.0)


def clouds(chance: Chance, name: str, side: int, fading: float) -> Tensor:
    """Random shapes of all sizes, B×1×side×side from 0 to 1.

    Each is half as large as the one before, and weaker by `fading`: the more, the smoother.
    """
    total = torch.zeros(len(chance.keys), 1, side, side, device=chance.device)
    for level in range(1, math.ceil(math.log2(side)) + 1):
        grid = chance.normal(f"{name} {level}", 1, 2**level + 1, 2**level + 1)
        total += enlarged(grid, side) * fading**-level
    low, high = total.amin(dim=(2, 3), keepdim=True), total.amax(dim=(2, 3), keepdim=True)
    return (total - low) / (high - low)


def frosting(chance: Chance, side: int) -> tuple[Tensor, Tensor]:
    """Ice, B×3×side×side, and how much of what is behind it hides, B×1×side×side; 0 to 1."""
    # Needles: lines where a noise that was bent by another crosses zero, coarse ones and fine.
    bend = torch.cat([clouds(chance, f"bend {axis}", side, 2.6) for axis in "xy"], dim=1) - 0.5
    bend = bend * min(1.2, 0.4 * (side / 32) ** 0.6)
    needles = torch.zeros(len(chance.keys), 1, side, side, device=chance.device)
    for level, cells in enumerate((4, 8, 14, 22)):
        # Finer than a few pixels it would be noise.
        cells = max(min(cells, side // 6), 2)
        # Longer in one direction than in the other, by turns.
        shape = (cells, 2 * cells) if level % 2 else (2 * cells, cells)
        field = enlarged(chance.normal(f"needles {level}", 1, *shape), side)
        line = torch.exp(-((_bent(field, bend) / 0.22) ** 2))
        needles = torch.maximum(needles, line)
    places = (torch.arange(side, device=chance.device) * 2 + 1) / side - 1
    edge = torch.maximum(places.abs()[:, None], places.abs())
    film = clouds(chance, "film", side, 2.2)
    grown = torch.sigmoid(9 * (0.75 * edge + 1.1 * film - 0.75))
    ice = (0.62 + 0.38 * needles) * torch.tensor(_ICE, device=chance.device).view(3, 1, 1)
    return ice, (grown * (0.55 + 0.45 * needles)).clamp(0, 1)


def enlarged(planes: Tensor, side: int) -> Tensor:
    """Planes drawn out smoothly to `side`."""
    return torch.nn.functional.interpolate(
        planes, (side, side), mode="bicubic", align_corners=False
    )


def _bent(planes: Tensor, by: Tensor) -> Tensor:
    """Planes whose places are moved by the two planes of `by`, in halves of the side."""
    side = planes.shape[-1]
    places = (torch.arange(side, device=planes.device) * 2 + 1) / side - 1
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    grid = torch.stack([columns + by[:, 0], rows + by[:, 1]], dim=-1)
    return torch.nn.functional.grid_sample(
        planes, grid, "bilinear", "reflection", align_corners=False
    )
