"""What is done to pictures on the way."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bakeoff.data.augment.planes import interleaved, on, planar
from bakeoff.data.corrupt.chance import Chance
from bakeoff.data.corrupt.kernels import bell, blurred
from bakeoff.data.corrupt.severity import length, strength
from bakeoff.data.decode import decode
from bakeoff.data.encode import encode
from bakeoff.data.scan import in_order

__all__ = ["compressed", "contrast", "elastic", "jpeg", "pixelate"]


def contrast(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Everything nearer to the mean colour. Nothing in it is random."""
    small, large = (0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05)
    keep = strength(small, large, severity, images.shape[1])
    planes = planar(images)
    # Whole numbers: a sum of them is the same in whatever order.
    pixels = images.shape[1] * images.shape[2]
    mean = (images.flatten(1, 2).sum(dim=1).double() / pixels).float()[:, :, None, None]
    return interleaved((planes - mean) * keep + mean)


def elastic(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Stretched here and squeezed there, as on rubber."""
    side = images.shape[1]
    shares = (0.01, 0.016, 0.022, 0.03, 0.04)
    moved = strength(shares, shares, severity, side) * side
    width = length((2, 2, 2, 2, 2), (9, 9, 9, 9, 9), severity, side)
    kernel = bell(width)
    steps = blurred(chance.normal("steps", 2, side, side), kernel)
    # A sum of draws has the root of its squared weights for a deviation.
    steps = steps * (moved / float(np.sqrt((kernel**2).sum())))
    places = torch.arange(side, device=images.device)
    rows = ((places[:, None] + steps[:, 1]) * 2 + 1) / side - 1
    columns = ((places + steps[:, 0]) * 2 + 1) / side - 1
    grid = torch.stack([columns, rows], dim=-1)
    return interleaved(
        torch.nn.functional.grid_sample(
            planar(images), grid, "bilinear", "reflection", align_corners=False
        )
    )


def pixelate(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Fewer pixels, shown as large. Nothing in it is random."""
    small, large = (0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25)
    side = images.shape[1]
    fewer = max(int(side * strength(small, large, severity, side)), 1)
    coarse = _averaged(_averaged(planar(images), fewer), fewer)
    return interleaved(_averaged(_averaged(coarse, side), side))


def jpeg(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Squeezed into few bytes. Nothing in it is random."""
    small, large = (80, 65, 58, 50, 40), (25, 18, 15, 10, 7)
    return compressed(images, round(strength(small, large, severity, images.shape[1])))


def compressed(images: Tensor, quality: int) -> Tensor:
    """Pictures after a JPEG file of this quality, 1 to 100."""

    def there_and_back(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
        return torch.from_numpy(decode(encode(picture, "jpeg", quality=quality)).copy())

    return torch.stack(list(in_order(there_and_back, images.cpu().numpy()))).to(images.device)


def _averaged(planes: Tensor, rows: int) -> Tensor:
    """As many rows, each the mean of what it lies over; and laid on its side."""
    side = planes.shape[2]
    edges = np.arange(rows + 1) * side / rows
    first = np.floor(edges[:-1]).astype(np.int64)
    total = torch.zeros(1, device=planes.device)
    for step in range(-(-side // rows) + 1):
        shared = np.minimum(edges[1:], first + step + 1) - np.maximum(edges[:-1], first + step)
        weight = on(planes.device, np.clip(shared, 0, None) * rows / side, torch.float32)
        index = on(planes.device, np.minimum(first + step, side - 1), torch.int64)
        total = total + planes[:, :, index] * weight[:, None]
    return total.transpose(2, 3)
