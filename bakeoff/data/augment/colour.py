"""What colours a picture's pixels have.

Brightness, contrast, saturation and hue are all linear in a pixel's colour, so the four together
are one matrix and one offset per picture, rounded and held to the range once at the end.

Shapes: B pictures; images are uint8 B×H×W×3 and never written to; planes are float B×3×H×W.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bakeoff.data.augment.planes import interleaved, on, planar
from bakeoff.data.draws import Draws
from bakeoff.spec.image import Augment

__all__ = ["GREY", "colour", "mean_grey", "recoloured"]

Floats = npt.NDArray[np.float64]

GREY = (0.299, 0.587, 0.114)
"""Share of red, green and blue in the grey that looks as bright (ITU-R BT.601)."""

# Grey, and two axes of colour across it (YIQ): hue is an angle between the two.
_AXES = np.array([GREY, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])


def colour(images: Tensor, spec: Augment, draws: Draws) -> Tensor:
    """Brightness, contrast, saturation and hue, each by its own draw."""
    return recoloured(
        images,
        brightness=1 + draws.spread("brightness", spec.brightness),
        contrast=1 + draws.spread("contrast", spec.contrast),
        saturation=1 + draws.spread("saturation", spec.saturation),
        hue=draws.spread("hue", spec.hue),
    )


def recoloured(
    images: Tensor, *, brightness: Floats, contrast: Floats, saturation: Floats, hue: Floats
) -> Tensor:
    """Pictures with the factors given for each, and hue turned by that share of the circle."""
    planes = planar(images)
    gain = brightness * contrast
    matrices = gain[:, None, None] * (_turned(hue) @ _saturated(saturation))
    lift = on(images.device, (1 - contrast) * brightness, torch.float32)
    offset = (lift * mean_grey(planes))[:, None, None]
    weights = on(images.device, matrices, torch.float32)[:, :, :, None, None]
    red, green, blue = planes.unbind(1)
    # Plane by plane: a batched product of 3×3 matrices takes eight times as long.
    mixed = [
        weights[:, i, 0] * red + weights[:, i, 1] * green + weights[:, i, 2] * blue + offset
        for i in range(3)
    ]
    return interleaved(torch.stack(mixed, dim=1))


def mean_grey(planes: Tensor) -> Tensor:
    """How bright each picture is on average, 0 to 255."""
    red, green, blue = planes.mean(dim=(2, 3)).unbind(1)
    return GREY[0] * red + GREY[1] * green + GREY[2] * blue


def _saturated(factor: Floats) -> Floats:
    grey = np.broadcast_to(np.array(GREY), (3, 3))
    return np.asarray(grey + factor[:, None, None] * (np.eye(3) - grey))


def _turned(share: Floats) -> Floats:
    """Rotation about the grey axis, by a share of the full circle, from red to green to blue."""
    turn = np.zeros((len(share), 3, 3))
    cos, sin = np.cos(2 * np.pi * share), np.sin(2 * np.pi * share)
    turn[:, 0, 0] = 1
    turn[:, 1, 1], turn[:, 1, 2], turn[:, 2, 1], turn[:, 2, 2] = cos, sin, -sin, cos
    return np.asarray(np.linalg.inv(_AXES) @ turn @ _AXES)
