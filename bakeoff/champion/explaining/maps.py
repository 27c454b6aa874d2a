"""Heat maps as they come from a method: brought to a picture's size and to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = ["METHODS", "Mapped", "Maps", "Method", "enlarged", "scaled"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

Method = Literal["gradcam", "attention", "occlusion"]

METHODS: dict[Method, str] = {
    "gradcam": "Grad-CAM",
    "attention": "attention weighed by gradients",
    "occlusion": "occlusion",
}
"""What each is called in words."""


class Maps(Protocol):
    """Maps by looking inside of a network."""

    @property
    def method(self) -> Method | None:
        """What it can do; None where nothing in the network has a place."""

    def __call__(self, pictures: Pixels, places: Sequence[int]) -> Floats:
        """Of fitted pictures for one class each, N×S×S, no scale, no less than nothing."""


@runtime_checkable
class Mapped(Protocol):
    """An engine that can look inside of its network."""

    @property
    def maps(self) -> Maps: ...


def enlarged(heat: Floats, side: int) -> Floats:
    """A map of any size as a square of `side` pixels, straight lines between its places."""
    rows, columns = (_weights(count, side) for count in heat.shape)
    made: Floats = (rows @ heat @ columns.T).astype(np.float32)
    return made


def scaled(heat: Floats, floor: float = 0.0) -> Floats:
    """The same map with its highest value at 1; all nothing where that is not above `floor`."""
    most = float(heat.max())
    if not np.isfinite(most) or most <= floor:
        return np.zeros(heat.shape, np.float32)
    made: Floats = (np.maximum(heat, 0) / most).astype(np.float32)
    return made


def _weights(count: int, side: int) -> Floats:
    """What each of `side` pixels has of each of `count` places; edges are repeated."""
    at = np.clip((np.arange(side) + 0.5) * count / side - 0.5, 0, count - 1)
    made: Floats = np.clip(1 - np.abs(at[:, None] - np.arange(count)), 0, 1).astype(np.float32)
    return made
