"""What lies between the camera and the thing.

Snow, frost and fog are synthesised, each picture's its own: nothing here is a photograph.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bakeoff.data.augment.colour import GREY
from bakeoff.data.augment.planes import interleaved, planar
from bakeoff.data.corrupt.chance import Chance
from bakeoff.data.corrupt.clouds import clouds, enlarged, frosting
from bakeoff.data.corrupt.kernels import blurred, streaks
from bakeoff.data.corrupt.severity import length, strength

__all__ = ["brightness", "fog", "frost", "snow"]

_THINNEST = 0.35
"""How bright fog is where it is thinnest, of the brightest in the picture."""


def snow(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Flakes that fall across, and a scene that is paler for them."""
    side = images.shape[1]
    mean = strength((0.1, 0.1, 0.15, 0.25, 0.3), (0.1, 0.2, 0.55, 0.55, 0.55), severity, side)
    spread = strength((0.2, 0.2, 0.3, 0.3, 0.3), (0.3, 0.3, 0.3, 0.3, 0.3), severity, side)
    flake = length((1, 1, 1.75, 2.25, 1.25), (3, 2, 4, 4.5, 2.5), severity, side)
    least = strength((0.6, 0.5, 0.55, 0.6, 0.65), (0.5, 0.5, 0.9, 0.85, 0.85), severity, side)
    reach = length((8, 10, 10, 12, 14), (10, 12, 12, 12, 12), severity, side)
    blur = length((3, 4, 4, 6, 12), (4, 4, 8, 8, 12), severity, side)
    keep = strength((0.95, 0.9, 0.9, 0.85, 0.8), (0.8, 0.7, 0.7, 0.65, 0.55), severity, side)

    grid = max(round(side / max(flake, 1)), 2)
    field = enlarged(chance.normal("flakes", 1, grid, grid) * spread + mean, side)
    flakes = torch.where(field < least, 0, field).clamp_(0, 1)
    angles = np.radians(chance.spread("angle", 45, 135))
    flakes = blurred(flakes, streaks(angles, reach, blur))
    planes = planar(images) / 255
    red, green, blue = planes.unbind(1)
    grey = (GREY[0] * red + GREY[1] * green + GREY[2] * blue)[:, None]
    pale = torch.maximum(planes, grey * 1.5 + 0.5).clamp(max=1)
    scene = keep * planes + (1 - keep) * pale
    # Turned about, the same flakes are others that fall alike.
    return interleaved((scene + torch.maximum(flakes, flakes.flip(2, 3))) * 255)


def frost(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Ice on the pane, from its edges inwards."""
    side = images.shape[1]
    share = strength((0.3, 0.42, 0.53, 0.62, 0.7), (0.4, 0.55, 0.68, 0.78, 0.86), severity, side)
    ice, cover = frosting(chance, side)
    cover = share * cover
    return interleaved(planar(images) * (1 - cover) + 255 * ice * cover)


def fog(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Clouds that hide part of the scene and leave less contrast to the rest."""
    side = images.shape[1]
    share = strength((0.2, 0.5, 0.75, 1, 1.5), (1.5, 2, 2.5, 2.8, 3.2), severity, side)
    fading = strength((3, 3, 2.5, 2, 1.75), (2, 2, 1.9, 1.8, 1.7), severity, side)
    planes = planar(images) / 255
    brightest = planes.amax(dim=(1, 2, 3), keepdim=True)
    hidden = share / (brightest + share)
    cloud = brightest * (_THINNEST + (1 - _THINNEST) * clouds(chance, "fog", side, fading))
    return interleaved((planes * (1 - hidden) + cloud * hidden) * 255)


def brightness(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """As with too much light: the brightest of a pixel's colours is raised, and the others with
    it. Nothing in it is random."""
    small, large = (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5)
    added = 255 * strength(small, large, severity, images.shape[1])
    planes = planar(images)
    value = planes.amax(dim=1, keepdim=True)
    lit = (value + added).clamp(max=255)
    return interleaved(torch.where(value > 0, planes * (lit / value.clamp(min=1)), lit))
