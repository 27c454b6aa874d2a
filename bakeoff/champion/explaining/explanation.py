"""Where a champion found what it says of a picture, and the picture with that laid over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bakeoff.champion.explaining.maps import Method

__all__ = ["Explanation", "Neighbour", "overlaid", "ramp"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

_RAMP = np.array(
    [
        (24, 18, 66),
        (86, 28, 112),
        (152, 42, 104),
        (211, 74, 74),
        (246, 136, 44),
        (253, 226, 128),
    ],
    np.float64,
)
"""From nothing to most, each step lighter than the one before: it reads in grey, too, and to those
who do not tell red from green."""

_GREY = np.array((0.299, 0.587, 0.114))

_FAINT, _STRONG = 0.15, 0.7
"""How much of the colour covers the picture where there is nothing, and where there is most."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Explanation:
    """How much each part of a picture speaks for one class."""

    picture: Pixels
    """As the network sees it: a square."""

    heat: Floats
    """One number for each of its pixels, 0 to 1; all 0 where nothing was found."""

    label: str
    """The class that was asked for: by default the likeliest."""

    probability: float
    """What the champion gives it, calibrated."""

    method: Method

    @property
    def flat(self) -> bool:
        """Whether no part of the picture speaks for the class more than any other."""
        return not self.heat.any()

    def overlay(self) -> Pixels:
        """The picture in grey, and in colour what speaks for the class."""
        return overlaid(self.picture, self.heat)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Neighbour:
    """A training picture that the network finds like the one asked about."""

    picture: Pixels
    """As the network sees it."""

    name: str
    label: str
    similarity: float
    """Cosine between its features and those of the picture asked about."""


def ramp(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Colours of numbers from 0 to 1."""
    steps = np.linspace(0, 1, len(_RAMP))
    return np.stack([np.interp(values, steps, _RAMP[:, one]) for one in range(3)], axis=-1)


def overlaid(picture: Pixels, heat: Floats) -> Pixels:
    """A picture in grey under the colours of a map of the same size."""
    cover = (_FAINT + (_STRONG - _FAINT) * heat)[..., None]
    grey = (picture.astype(np.float64) @ _GREY)[..., None]
    made: Pixels = (grey * (1 - cover) + ramp(heat) * cover).round().astype(np.uint8)
    return made
