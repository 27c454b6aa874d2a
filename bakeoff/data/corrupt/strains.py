"""All that pictures are put through, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bakeoff.data.corrupt import blur, digital, handling, noise, weather
from bakeoff.data.corrupt.chance import Chance, chance
from bakeoff.data.corrupt.severity import SEVERITIES

__all__ = ["CORRUPTIONS", "HANDLING", "STRAINS", "Kind", "Strain", "strained"]

Kind = Literal["noise", "blur", "weather", "digital", "handling"]

_SEVERITIES = tuple(str(one) for one in SEVERITIES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Strain:
    """One way of making pictures worse, in steps."""

    name: str
    kind: Kind
    steps: tuple[str, ...]
    """What the steps are called, the mildest first (of light, the darkest first)."""

    change: Callable[[Tensor, int, Chance], Tensor]
    """Pictures (uint8, B×S×S×3, never written to) at a step, from 1 on."""


def _corruption(kind: Kind, change: Callable[[Tensor, int, Chance], Tensor]) -> Strain:
    return Strain(name=change.__name__, kind=kind, steps=_SEVERITIES, change=change)


CORRUPTIONS = (
    _corruption("noise", noise.gaussian_noise),
    _corruption("noise", noise.shot_noise),
    _corruption("noise", noise.impulse_noise),
    _corruption("blur", blur.defocus_blur),
    _corruption("blur", blur.glass_blur),
    _corruption("blur", blur.motion_blur),
    _corruption("blur", blur.zoom_blur),
    _corruption("weather", weather.snow),
    _corruption("weather", weather.frost),
    _corruption("weather", weather.fog),
    _corruption("weather", weather.brightness),
    _corruption("digital", digital.contrast),
    _corruption("digital", digital.elastic),
    _corruption("digital", digital.pixelate),
    _corruption("digital", digital.jpeg),
)
"""The fifteen, in the order of the paper."""

HANDLING = (
    Strain(
        name="rotation",
        kind="handling",
        steps=tuple(f"±{angle}°" for angle in handling.ANGLES),
        change=handling.rotation,
    ),
    Strain(
        name="shift",
        kind="handling",
        steps=tuple(f"{100 * one / 32:.0f}%" for one in handling.SHIFTS),
        change=handling.shift,
    ),
    Strain(
        name="light",
        kind="handling",
        steps=tuple(f"×{one:g}" for one in handling.LIGHTS),
        change=handling.light,
    ),
    Strain(
        name="quality",
        kind="handling",
        steps=tuple(str(one) for one in handling.QUALITIES),
        change=handling.quality,
    ),
)
"""What happens to pictures on their way, in units of its own."""

STRAINS = {one.name: one for one in (*CORRUPTIONS, *HANDLING)}


def strained(
    images: Tensor, name: str, step: int, *, indices: npt.NDArray[np.int64], seed: int
) -> Tensor:
    """Pictures put through a strain at a step, from 1 on.

    `indices` are the pictures' numbers in their dataset: with the seed they decide all chance, so
    a picture comes out alike whatever others are in the batch.
    """
    assert images.dtype == torch.uint8, images.dtype
    assert images.ndim == 4, images.shape
    assert images.shape[1:] == (images.shape[1], images.shape[1], 3), images.shape
    assert len(images) == len(indices), (len(images), len(indices))
    strain = STRAINS[name]
    assert 1 <= step <= len(strain.steps), step
    return strain.change(images, step, chance(indices, name, seed=seed, device=images.device))
