"""How alike two pictures are, from their thumbnails: coarse layout first, then fine structure.

Every sum here is a sum of whole numbers small enough to be exact in the type that holds it,
whatever the order in which a library adds them up, and what is not a sum is one correctly rounded
operation per element: the same thumbnails are equally alike on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bakeoff.data.progress import Progress

__all__ = [
    "FREQUENCIES",
    "RADIUS",
    "Bytes",
    "Exact",
    "Flags",
    "Floats",
    "Ints",
    "blocks",
    "distances",
    "flat",
    "layouts",
    "products",
    "structure",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Exact = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

FLAT = 4.0
"""Standard deviation of a thumbnail's values, out of 255, below which a picture is nearly blank."""

RADIUS = 4000
"""Length of a layout; its square stays below 2**24, up to which float32 counts exactly."""

FREQUENCIES = 6
"""Waves across and down that a layout holds."""

_SOFTENING = 16.0  # gradients well below this, as in compression noise, count for little
_STEPS = 40  # quantisation of a normalised gradient, which is at most 3
_PAIRS = 2048  # pairs compared at a time

# Luminance and two colour differences from red, green, blue; the differences weigh double.
_COLOURS = np.array([[1, 4, -2], [2, 0, 4], [1, -4, -2]], dtype=np.int32)


def flat(thumbs: Bytes) -> Flags:
    """Which pictures are nearly blank."""
    count = thumbs.shape[1] * thumbs.shape[2]
    out = np.zeros(len(thumbs), bool)
    for block in blocks(len(thumbs), 8192):
        values = thumbs[block].reshape(-1, count, 3).astype(np.int64)
        squares = count * (values**2).sum(1) - values.sum(1) ** 2
        out[block] = squares.sum(1) < 3 * FLAT**2 * count**2
    return out


def layouts(thumbs: Bytes) -> Floats:
    """Low-frequency content without the average, at one length, in whole numbers.

    The first half of the columns is even in a mirror, the second odd; see `products`.
    """
    basis, weights = _basis(thumbs.shape[1])
    out = np.empty((len(thumbs), basis.shape[1]), np.float32)
    for block in blocks(len(thumbs), 4096):
        exact = thumbs[block].reshape(-1, basis.shape[0]).astype(np.float64) @ basis
        whole = np.rint(exact * weights)
        length = np.sqrt((whole.astype(np.int64) ** 2).sum(1)).astype(np.float64)
        out[block] = np.rint(whole * (RADIUS / np.maximum(length, 1))[:, None])
    return out


def _basis(side: int) -> tuple[Exact, Exact]:
    """A whole-number cosine basis over side×side×3 values, and the weight of each column."""
    place, wave = np.arange(side) + 0.5, np.arange(FREQUENCIES)
    cosine = np.rint(1024 * np.cos(np.pi * place * wave[:, None] / side))
    down, across = (axis.ravel() for axis in np.meshgrid(wave, wave, indexing="ij"))
    order = np.lexsort((np.arange(len(down)), across % 2))[1:]  # even first, the average left out
    down, across = down[order], across[order]
    planes = cosine[down][:, :, None] * cosine[across][:, None, :]
    basis = planes[..., None, None] * _COLOURS
    columns = np.moveaxis(basis, (0, 4), (-2, -1)).reshape(side * side * 3, -1)
    # A pure cosine's length is that of a constant over the square root of two; natural pictures
    # fade towards higher frequencies, which the rising weights partly undo.
    rise = np.sqrt(np.sqrt(down**2.0 + across**2.0))
    constant = np.sqrt(np.where(down == 0, 0.5, 1) * np.where(across == 0, 0.5, 1))
    return columns, np.repeat(rise * constant, 3) / (1024 * 64)


def products(layouts: Floats, block: slice, tile: slice) -> tuple[Floats, Floats]:
    """Products of descriptors: as they are, and with the second in a mirror.

    A mirror changes the sign of the odd columns only, so both come from one pass.
    """
    even = 3 * ((FREQUENCIES + 1) // 2 * FREQUENCIES - 1)
    same = layouts[block, :even] @ layouts[tile, :even].T
    odd = layouts[block, even:] @ layouts[tile, even:].T
    straight = same + odd
    return straight, np.subtract(same, odd, out=same)


def distances(layout: Exact, fine: Exact) -> Exact:
    """From products of layouts and correlations of structure; 0 is the same thumbnail."""
    # Layouts were rounded, so a picture may seem a little more than like itself.
    return np.maximum(1 - (layout / RADIUS**2 + 2 * fine) / 3, 0)


def structure(
    thumbs: Bytes,
    first: Ints,
    second: Ints,
    mirrored: Flags,
    progress: Progress,
) -> Exact:
    """Correlation of fine structure of each pair, at the best of small shifts."""
    used, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    gradients = _gradients(thumbs, used)
    left, right = places[: len(first)], places[len(first) :]
    out = np.empty(len(first))
    progress("comparing structure", 0, len(first), "pairs")
    for block in blocks(len(first), _PAIRS):
        turned = gradients[right[block]]
        view = mirrored[block]
        turned[view] = turned[view][:, :, ::-1] * np.array([-1] * 3 + [1] * 3, np.int8)
        out[block] = _correlation(gradients[left[block]], turned)
        progress("comparing structure", block.stop, len(first), "pairs")
    return out


def _gradients(thumbs: Bytes, used: Ints) -> npt.NDArray[np.int8]:
    """Gradients of luminance and colour, divided by their strength around: edges count alike.

    Lines across the whole picture, such as a horizon or a frame, are taken out: they are common.
    """
    side = thumbs.shape[1] - 1
    out = np.empty((len(used), side, side, 6), np.int8)
    for block in blocks(len(used), 2048):
        values = thumbs[used[block]].astype(np.int32) @ _COLOURS
        across, down = np.diff(values, axis=2), np.diff(values, axis=1)
        steps = np.concatenate(
            [across[:, 1:] + across[:, :-1], down[:, :, 1:] + down[:, :, :-1]], axis=-1
        )
        energy = np.pad((steps**2).sum(-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
        energy = energy[:, :-2] + energy[:, 1:-1] + energy[:, 2:]
        energy = energy[:, :, :-2] + energy[:, :, 1:-1] + energy[:, :, 2:]
        strength = np.sqrt(energy.astype(np.float32) / np.float32(9)) + np.float32(_SOFTENING)
        scaled = steps.astype(np.float32) / strength[..., None]
        whole = np.rint(scaled * np.float32(_STEPS)).astype(np.int32)
        for axis, part in ((1, whole[..., :3]), (2, whole[..., 3:])):
            part -= np.rint(part.sum(axis, keepdims=True) / side).astype(np.int32)
        out[block] = np.clip(whole, -127, 127)
    return out


def _correlation(left: npt.NDArray[np.int8], right: npt.NDArray[np.int8]) -> Exact:
    """Normalised correlation over the overlap, the largest among shifts by up to one place."""
    a, b = left.astype(np.float32), right.astype(np.float32)
    square_a, square_b = np.einsum("nijk,nijk->nij", a, a), np.einsum("nijk,nijk->nij", b, b)
    best = np.full(len(a), -1.0)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            here = (slice(None), _window(down), _window(across))
            there = (slice(None), _window(-down), _window(-across))
            product = np.einsum("nijk,nijk->n", a[here], b[there]).astype(np.float64)
            sizes = square_a[here].sum((1, 2), dtype=np.float64)
            sizes *= square_b[there].sum((1, 2), dtype=np.float64)
            np.maximum(best, product / np.sqrt(np.maximum(sizes, 1)), out=best)
    return best


def _window(shift: int) -> slice:
    return slice(max(shift, 0), min(shift, 0) or None)


def blocks(count: int, size: int, *, start: int = 0) -> Iterator[slice]:
    """Slices of `size` that cover `start` to `count`."""
    for begin in range(start, count, size):
        yield slice(begin, min(begin + size, count))
