"""What becomes of pictures in other hands: turned, moved, darker, saved again.

Milder than corruptions and told in the units people think in, so each has steps of its own.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from bakeoff.data.augment.colour import recoloured
from bakeoff.data.augment.geometry import backward, reindexed, warped
from bakeoff.data.corrupt.chance import Chance
from bakeoff.data.corrupt.digital import compressed
from bakeoff.data.corrupt.kernels import reflected

__all__ = ["ANGLES", "LIGHTS", "QUALITIES", "SHIFTS", "light", "quality", "rotation", "shift"]

ANGLES = (5, 10, 20, 30, 45, 90)
"""Degrees, to the left or to the right."""

SHIFTS = (1, 2, 3, 4)
"""In 32nds of the side: pixels, where a picture has 32."""

QUALITIES = (90, 70, 50, 30, 10)
"""Of a JPEG file."""

LIGHTS = (0.25, 0.5, 0.75, 1.25, 1.5, 2.0)
"""What all values are multiplied by."""


def rotation(images: Tensor, step: int, chance: Chance) -> Tensor:
    """Turned by the angle of a step, some to the left and some to the right; corners that come
    into view are mirrored."""
    turned = np.where(chance.numbers("way") < 0.5, -1.0, 1.0) * np.radians(ANGLES[step - 1])
    still, plain = np.zeros(len(images)), np.ones(len(images))
    matrices = backward(turn=turned, scale=plain, slant=still, right=still, down=still)
    return warped(images, matrices, "bilinear", "reflection")


def shift(images: Tensor, step: int, chance: Chance) -> Tensor:
    """Moved up, down, left or right by whole pixels; what comes into view is mirrored."""
    side = images.shape[1]
    moved = max(round(SHIFTS[step - 1] * side / 32), 1)
    way = (chance.numbers("way") * 4).astype(np.int64)
    down, right = np.array([-1, 1, 0, 0])[way] * moved, np.array([0, 0, -1, 1])[way] * moved
    places = np.arange(side)
    return reindexed(
        images,
        reflected(places - down[:, None], side),
        reflected(places - right[:, None], side),
    )


def light(images: Tensor, step: int, chance: Chance) -> Tensor:
    """Darker or brighter. Nothing in it is random."""
    plain = np.ones(len(images))
    return recoloured(
        images,
        brightness=LIGHTS[step - 1] * plain,
        contrast=plain,
        saturation=plain,
        hue=0 * plain,
    )


def quality(images: Tensor, step: int, chance: Chance) -> Tensor:
    """Saved again as a JPEG file. Nothing in it is random."""
    return compressed(images, QUALITIES[step - 1])
