"""Pictures of nothing that a champion knows: to measure how many of them it recognises as foreign.

Made here, from a seed, or scans that are embedded: nothing is downloaded, and the same figures come
out again. None are photographs of other things, and what is measured says no more than it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bakeoff.data.decode import fit
from bakeoff.data.listing import ArrayPictures
from bakeoff.data.sources.digits import find_digits
from bakeoff.spec.errors import MissingExtraError
from bakeoff.spec.image import Preprocess

__all__ = ["KINDS", "SCANS", "foreign", "scans"]

Pixels = npt.NDArray[np.uint8]
Random = np.random.Generator

SCANS = "scanned digits"
"""A dataset that lies at hand wherever something can be fitted."""

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

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


def scans(target: Preprocess, classes: Sequence[str], *, count: int) -> Pixels | None:
    """`count` handwritten digits as the champion sees pictures; None where a digit may be one of
    its classes, or where they are not installed."""
    known = {name.strip().lower() for name in classes}
    if known & {*_NUMBERS, *map(str, range(len(_NUMBERS)))}:
        return None
    try:
        listing = find_digits()
    except MissingExtraError:
        return None
    assert isinstance(listing.pictures, ArrayPictures)
    held = listing.pictures.array
    places = np.arange(count) * len(held) // count
    return np.stack([fit(held[place], target) for place in places])


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
