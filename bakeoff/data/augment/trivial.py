"""TrivialAugment (Müller and Hutter, 2021), with the published wide ranges.

Each picture gets one of fourteen operations at one of thirty-one strengths. Those that the paper
applies in either direction toss a coin for it. As published, what comes into view is black and
moved pixels are taken from the nearest.

Shapes: n pictures of one operation; images are uint8 n×H×W×3 and never written to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bakeoff.data.augment.colour import recoloured
from bakeoff.data.augment.geometry import backward, warped
from bakeoff.data.augment.planes import interleaved, on, planar
from bakeoff.data.draws import Draws

__all__ = ["OPERATIONS", "trivial"]

Floats = npt.NDArray[np.float64]

_STRENGTHS = 31
_WIDE = 0.99
_TURN = np.radians(135)
_PIXELS = 32


def trivial(images: Tensor, draws: Draws) -> Tensor:
    """One operation at a random strength for each picture."""
    chosen = np.floor(draws.uniform("operation") * len(OPERATIONS)).astype(np.int64)
    strength = np.floor(draws.uniform("strength") * _STRENGTHS) / (_STRENGTHS - 1)
    strength = np.where(draws.coin("direction"), -strength, strength)
    changed = images.clone()
    for number, operation in enumerate(OPERATIONS.values()):
        # Chosen on the host: asking the device which pictures are meant would stall it.
        mine = np.flatnonzero(chosen == number)
        if operation is not None and len(mine):
            rows = on(images.device, mine, torch.int64)
            changed.index_copy_(0, rows, operation(images.index_select(0, rows), strength[mine]))
    return changed


def _moved(images: Tensor, strength: Floats, right: int, down: int) -> Tensor:
    distance = np.trunc(strength * _PIXELS)
    zero, one = np.zeros_like(strength), np.ones_like(strength)
    matrices = backward(
        turn=zero, scale=one, slant=zero, right=distance * right, down=distance * down
    )
    return warped(images, matrices, "nearest", "zeros")


def _shear_x(images: Tensor, strength: Floats) -> Tensor:
    # About the top edge, as published, and not the centre.
    return warped(images, _slanted(strength, 0, images.shape[1]), "nearest", "zeros")


def _shear_y(images: Tensor, strength: Floats) -> Tensor:
    return warped(images, _slanted(strength, 1, images.shape[2]), "nearest", "zeros")


def _slanted(strength: Floats, axis: int, size: int) -> Floats:
    matrices = np.zeros((len(strength), 2, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = 1
    matrices[:, axis, 1 - axis] = strength * _WIDE
    matrices[:, axis, 2] = strength * _WIDE * size / 2
    return matrices


def _translate_x(images: Tensor, strength: Floats) -> Tensor:
    return _moved(images, strength, 1, 0)


def _translate_y(images: Tensor, strength: Floats) -> Tensor:
    return _moved(images, strength, 0, 1)


def _rotate(images: Tensor, strength: Floats) -> Tensor:
    zero, one = np.zeros_like(strength), np.ones_like(strength)
    matrices = backward(turn=strength * _TURN, scale=one, slant=zero, right=zero, down=zero)
    return warped(images, matrices, "nearest", "zeros")


def _brightness(images: Tensor, strength: Floats) -> Tensor:
    return _recoloured(images, brightness=1 + strength * _WIDE)


def _contrast(images: Tensor, strength: Floats) -> Tensor:
    return _recoloured(images, contrast=1 + strength * _WIDE)


def _saturation(images: Tensor, strength: Floats) -> Tensor:
    return _recoloured(images, saturation=1 + strength * _WIDE)


def _recoloured(images: Tensor, **factor: Floats) -> Tensor:
    one = np.ones(len(images))
    neutral = {"brightness": one, "contrast": one, "saturation": one, "hue": 0 * one}
    return recoloured(images, **(neutral | factor))


def _sharpness(images: Tensor, strength: Floats) -> Tensor:
    """Away from, or towards, the picture smoothed over 3×3 pixels; the edge stays as it is."""
    planes = planar(images)
    if min(planes.shape[2:]) < 3:
        return images
    sums = planes[:, :, :-2] + planes[:, :, 1:-1] + planes[:, :, 2:]
    sums = sums[..., :-2] + sums[..., 1:-1] + sums[..., 2:]
    inner = planes[:, :, 1:-1, 1:-1]
    smooth = (sums + 4 * inner) / 13
    factor = on(images.device, 1 + strength * _WIDE, torch.float32)[:, None, None, None]
    planes[:, :, 1:-1, 1:-1] = smooth + factor * (inner - smooth)
    return interleaved(planes)


def _posterize(images: Tensor, strength: Floats) -> Tensor:
    """Keep from eight down to two of a colour's eight bits."""
    cut = np.rint(np.abs(strength) * 6).astype(np.int64)
    mask = on(images.device, 0xFF << cut & 0xFF, torch.uint8)
    return images & mask[:, None, None, None]


def _solarize(images: Tensor, strength: Floats) -> Tensor:
    """Invert what is at least as bright as a threshold."""
    threshold = on(images.device, 255 * (1 - np.abs(strength)), torch.float32)
    return torch.where(images >= threshold[:, None, None, None], 255 - images, images)


def _autocontrast(images: Tensor, strength: Floats) -> Tensor:
    """Stretch each colour to the full range. `strength` has no say."""
    planes = planar(images)
    low, high = planes.amin(dim=(2, 3), keepdim=True), planes.amax(dim=(2, 3), keepdim=True)
    stretched = (planes - low) * (255 / (high - low))
    return interleaved(torch.where(high > low, stretched, planes))


def _equalize(images: Tensor, strength: Floats) -> Tensor:
    """Spread each colour's values evenly. `strength` has no say."""
    count, height, width, _ = images.shape
    values = images.permute(0, 3, 1, 2).reshape(count * 3, height * width).long()
    tally = torch.zeros(count * 3, 256, dtype=torch.int64, device=images.device)
    tally.scatter_add_(1, values, torch.ones_like(values))
    # Pillow's curve: the brightest value present is left out of the width of a step.
    brightest = tally.gather(1, values.amax(dim=1, keepdim=True))
    step = (height * width - brightest) // 255
    below = tally.cumsum(dim=1) - tally
    curve = ((below + step // 2) // step.clamp(min=1)).clamp_(max=255)
    curve = torch.where(step > 0, curve, torch.arange(256, device=images.device))
    equal = curve.gather(1, values).to(torch.uint8)
    return equal.view(count, 3, height, width).permute(0, 2, 3, 1).contiguous()


OPERATIONS: dict[str, Callable[[Tensor, Floats], Tensor] | None] = {
    "identity": None,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
    "rotate": _rotate,
    "brightness": _brightness,
    "saturation": _saturation,
    "contrast": _contrast,
    "sharpness": _sharpness,
    "posterize": _posterize,
    "solarize": _solarize,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
}
"""Pictures and strengths (-1 to 1) to changed pictures; None changes nothing."""
