"""Pictures of nothing that a champion knows: to measure how many of them it recognises as foreign.

Made here, from a seed: nothing is downloaded, and the same figures come out again. They are easier
than another dataset's photographs, and what is measured on them says no more than it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["KINDS", "foreign"]

Pixels = npt.NDArray[np.uint8]
Random = np.random.Generator

_PATCHES = 4
"""Along each side of a picture that is shuffled."""

_CELLS = 4
"""Along each side of smooth noise."""


def foreign(kind: str, own: Pixels, *, count: int, seed: int = 0) -> Pixels:
    """`count` foreign pictures of one kind, as large as `own`, pictures of the champion's data."""
    assert own.dtype == np.uint8, own.dtype
    assert own.ndim == 4, own.shape
    random = np.random.default_rng([seed, list(KINDS).index(kind)])
    return KINDS[kind](random, own, count)


def _noise(random: Random, own: Pixels, count: int) -> Pixels:
    return random.integers(0, 256, (count, *own.shape[1:]), np.uint8)


def _smooth(random: Random, own: Pixels, count: int) -> Pixels:
    """Coarse noise, blended between its points."""
    side = own.shape[1]
    coarse = random.random((count, _CELLS, _CELLS, 3))
    blend = _blend(_CELLS, side)
    found = np.einsum("ya,xb,nabc->nyxc", blend, blend, coarse, optimize=True)
    return np.asarray(np.clip(found * 256, 0, 255).astype(np.uint8))


def _blend(cells: int, side: int) -> npt.NDArray[np.float64]:
    """How much of each of `cells` points each of `side` places takes."""
    places = np.linspace(0, cells - 1, side)[:, None]
    return np.asarray(np.maximum(0, 1 - np.abs(places - np.arange(cells))))


def _uniform(random: Random, own: Pixels, count: int) -> Pixels:
    colours = random.integers(0, 256, (count, 1, 1, 3), np.uint8)
    return np.broadcast_to(colours, (count, *own.shape[1:])).copy()


def _shuffled(random: Random, own: Pixels, count: int) -> Pixels:
    """The champion's own pictures cut into patches that are laid out anew: the same colours and
    textures, and nothing they add up to."""
    side = own.shape[1]
    patch = side // _PATCHES
    chosen = own[random.integers(0, len(own), count)]
    found = chosen.copy()
    for picture, old in zip(found, chosen, strict=True):
        for place, origin in enumerate(random.permutation(_PATCHES**2)):
            y, x = (step * patch for step in divmod(place, _PATCHES))
            v, u = (step * patch for step in divmod(int(origin), _PATCHES))
            picture[y : y + patch, x : x + patch] = old[v : v + patch, u : u + patch]
    return found


def _shapes(random: Random, own: Pixels, count: int) -> Pixels:
    """A disc, a box or stripes in one colour on another."""
    side = own.shape[1]
    rows, columns = np.mgrid[:side, :side] / side
    found = np.empty((count, *own.shape[1:]), np.uint8)
    for place in range(count):
        y, x, far = *random.uniform(0.3, 0.7, 2), random.uniform(0.15, 0.35)
        masks = (
            (rows - y) ** 2 + (columns - x) ** 2 < far**2,
            np.maximum(abs(rows - y), abs(columns - x)) < far,
            np.sin((rows * y + columns * x) * 2 * np.pi / far) > 0,
        )
        ground, ink = random.integers(0, 256, (2, 3), np.uint8)
        found[place] = np.where(masks[random.integers(3)][..., None], ink, ground)
    return found


KINDS: Mapping[str, Callable[[Random, Pixels, int], Pixels]] = {
    "noise": _noise,
    "smooth noise": _smooth,
    "uniform colours": _uniform,
    "shapes": _shapes,
    "shuffled patches": _shuffled,
}
"""What can be made, by name."""
