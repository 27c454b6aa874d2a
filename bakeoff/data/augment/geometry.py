"""Where a picture's pixels go: mirrored, cropped, turned, scaled, moved, slanted.

Shapes: B pictures, H rows, W columns; images are uint8 B×H×W×3 and never written to.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bakeoff.data.augment.planes import interleaved, on, planar
from bakeoff.data.draws import Draws
from bakeoff.spec.image import Augment

__all__ = ["affine", "backward", "flip_and_crop", "reindexed", "warped"]

Floats = npt.NDArray[np.float64]


def flip_and_crop(images: Tensor, spec: Augment, draws: Draws) -> Tensor:
    """Mirror, and cut out at a random place of the padded picture, in one gather."""
    height, width = images.shape[1:3]
    top, left = _corner(spec.crop, draws, "top"), _corner(spec.crop, draws, "left")
    columns = _reflected(np.arange(width) + left[:, None], width)
    if spec.flip != "none":
        mirror = draws.coin("flip") if spec.flip == "random" else draws.alternating("flip")
        columns = np.where(mirror[:, None], width - 1 - columns, columns)
    return reindexed(images, _reflected(np.arange(height) + top[:, None], height), columns)


def _corner(reach: int, draws: Draws, name: str) -> npt.NDArray[np.int64]:
    return np.floor(draws.uniform(name) * (2 * reach + 1)).astype(np.int64) - reach


def _reflected(places: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Places beyond the edge, mirrored in the outermost pixel as often as needed."""
    last = size - 1
    folded = places % max(2 * last, 1)
    return last - np.abs(last - folded)


def reindexed(
    images: Tensor, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> Tensor:
    """Each picture with its own choice of rows (B×H) and of columns (B×W)."""
    count, height, width = images.shape[:3]
    rows = rows + np.arange(count)[:, None] * height
    # Whole rows are copied as blocks; then one index per byte of a row serves all its rows. Both
    # are several times as fast as indexing pixels by row and column at once.
    block = images.reshape(count * height, width * 3)
    block = block.index_select(0, on(images.device, rows.reshape(-1), torch.int64))
    bytes_ = (columns[:, :, None] * 3 + np.arange(3)).reshape(count, 1, width * 3)
    index = on(images.device, bytes_, torch.int64).expand(count, height, width * 3)
    return block.view(count, height, width * 3).gather(2, index).view(images.shape)


def affine(images: Tensor, spec: Augment, draws: Draws) -> Tensor:
    """Turn, scale, move and slant in one resampling; what comes into view is reflected."""
    height, width = images.shape[1:3]
    matrices = backward(
        turn=np.radians(draws.spread("rotation", spec.rotation)),
        scale=1 + draws.spread("zoom", spec.zoom),
        slant=np.tan(np.radians(draws.spread("shear", spec.shear))),
        right=draws.spread("right", spec.shift) * width,
        down=draws.spread("down", spec.shift) * height,
    )
    return warped(images, matrices, "bilinear", "reflection")


def backward(*, turn: Floats, scale: Floats, slant: Floats, right: Floats, down: Floats) -> Floats:
    """From where each pixel of the result is to where it comes from: B×2×3.

    In pixels from the centre. The picture is scaled, slanted, turned and then moved.
    """
    cos, sin = np.cos(turn), np.sin(turn)
    forward = np.empty((len(turn), 2, 2))
    forward[:, 0, 0], forward[:, 0, 1] = scale * cos, scale * (slant * cos - sin)
    forward[:, 1, 0], forward[:, 1, 1] = scale * sin, scale * (slant * sin + cos)
    inverse = np.linalg.inv(forward)
    moved = np.stack([right, down], axis=1)[:, :, None]
    return np.concatenate([inverse, -inverse @ moved], axis=2)


def warped(
    images: Tensor,
    matrices: npt.NDArray[Any],
    mode: Literal["bilinear", "nearest"],
    padding: Literal["reflection", "zeros"],
) -> Tensor:
    """Pictures resampled along `matrices`, each as `backward` gives it."""
    height, width = images.shape[1:3]
    # grid_sample counts from -1 to 1 between the outer edges.
    scaled = matrices * np.array([[2 / width], [2 / height]])
    a = on(images.device, scaled, torch.float32)[:, :, :, None, None]
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = torch.arange(height, device=images.device)[:, None] - (height - 1) / 2
    grid = a[:, :, 0] * x + (a[:, :, 1] * y + a[:, :, 2])
    planes = torch.nn.functional.grid_sample(
        planar(images), grid.permute(0, 2, 3, 1), mode, padding, align_corners=False
    )
    return interleaved(planes)
