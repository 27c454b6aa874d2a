"""Near-duplicates: pairs of pictures that show the same photograph, from their thumbnails alone.

Copies that were cropped a little, recoloured, rescaled, re-encoded or mirrored are found; another
photograph of the same thing is not what is looked for. Two steps: a short descriptor of the coarse
layout, compared with every other picture's, proposes pairs; the fine structure, compared under
small shifts, decides.

Splits depend on these pairs, so they are the same on every machine; `likeness` says how.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.data.likeness import (
    FREQUENCIES,
    RADIUS,
    Bytes,
    Exact,
    Flags,
    Floats,
    Ints,
    blocks,
    distances,
    flat,
    layouts,
    products,
    structure,
)
from bakeoff.data.progress import Progress, silent

__all__ = ["ALL_PAIRS_LIMIT", "VERSION", "NearPairs", "near_duplicates"]

VERSION = 1
"""Raised when the same thumbnails would give other pairs; lists kept before are then remade."""

FARTHEST = 0.35
"""Largest distance of near-duplicates, in any dataset; 0 is the same thumbnail."""

MIRRORED = 0.8
"""The share of it that mirrored pairs are allowed: they are rarer, so more often chance."""

BY_CHANCE = 0.001
"""Pairs that may lie within the limit by chance, for each picture; see `_limit`."""

CANDIDATE = 0.70
"""Likeness of layout from which a pair's structure is compared."""

PER_PICTURE = 24
"""At most this many pairs are proposed from one picture to later ones, the most alike: a thousand
frames of one scene stay one chain, not half a million pairs."""

ALL_PAIRS_LIMIT = 200_000
"""Beyond this many pictures only those that fall into one cell are compared."""

_ROWS, _COLUMNS = 512, 16384  # size of the blocks worked on at a time
_SAMPLE = 32768  # pairs from which the distances of unrelated pictures are learnt


@dataclass(frozen=True, kw_only=True)
class NearPairs:
    """Pairs of near-duplicates, ordered by their places, `first` below `second`.

    Among many copies of one picture not every pair is listed, but all hang together.
    """

    first: Ints
    second: Ints

    distance: Floats
    """0: the same thumbnail; at most `limit`."""

    mirrored: Flags
    """Whether one is the other seen in a mirror."""

    limit: float = FARTHEST
    """The largest distance that counted in this dataset."""

    note: str = ""
    """A sentence, where not all pairs could be compared."""

    def __len__(self) -> int:
        return len(self.first)

    def save(self, path: Path) -> None:
        """Write to an `.npz` file."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> NearPairs:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as saved:
            arrays: dict[str, Any] = {name: saved[name] for name in saved.files}
        limit, note = float(arrays.pop("limit")), str(arrays.pop("note"))
        return cls(**arrays, limit=limit, note=note)


def near_duplicates(
    thumbs: Bytes,
    progress: Progress = silent,
    *,
    limit: int = ALL_PAIRS_LIMIT,
) -> NearPairs:
    """The near-duplicates among pictures given as thumbnails, N×S×S×3.

    Nearly blank pictures, which all look alike, count only when their thumbnails are equal.
    """
    assert thumbs.ndim == 4, thumbs.shape
    assert thumbs.shape[1] == thumbs.shape[2] >= FREQUENCIES, thumbs.shape
    same, kept = _equal(thumbs)
    kept = kept[~flat(thumbs[kept])]
    note = ""
    if len(kept) > limit:
        note = (
            f"More than {limit:,} pictures: near-duplicates were looked for among pictures of "
            "like layout only, so a few may be missing."
        )
    small = thumbs[kept]
    coarse = layouts(small)
    farthest = _limit(small, coarse)
    # Even pairs of equal structure lie too far apart when their layouts differ more than this.
    floor = max(CANDIDATE, 1 - 3 * farthest)
    first, second, alike, mirrored = _propose(coarse, _cells(coarse, limit), floor, progress)
    distance = distances(alike, structure(small, first, second, mirrored, progress))
    near = distance <= np.where(mirrored, MIRRORED * farthest, farthest)
    found = (kept[first[near]], kept[second[near]], distance[near], mirrored[near])
    return _ordered(same, found, farthest, note)


def _equal(thumbs: Bytes) -> tuple[tuple[Ints, Ints], Ints]:
    """Pairs with equal thumbnails, each chained to the one before, and the first of each kind."""
    rows = np.ascontiguousarray(thumbs.reshape(len(thumbs), -1))
    keys = rows.view(np.dtype((np.void, rows.shape[1]))).ravel()
    _, kind = np.unique(keys, return_inverse=True)
    order = np.argsort(kind, kind="stable")
    again = np.flatnonzero(kind[order][1:] == kind[order][:-1]) + 1
    kept = np.sort(np.delete(order, again))
    return (order[again - 1], order[again]), kept


def _cells(coarse: Floats, limit: int) -> list[Ints]:
    """Groups within which all pairs are compared: one, or for many pictures overlapping cells."""
    everyone = np.arange(len(coarse), dtype=np.int64)
    if len(coarse) <= limit:
        return [everyone]
    count = 4 * -(-len(coarse) // limit)
    # Evenly spaced pictures are the centres; each picture joins its two nearest.
    centres = coarse[:: -(-len(coarse) // count)]
    nearest = np.empty((len(coarse), 2), np.int64)
    for block in blocks(len(coarse), 4096):
        rank = np.argsort(-(coarse[block] @ centres.T), axis=1, kind="stable")
        nearest[block] = rank[:, :2]
    return [everyone[(nearest == cell).any(1)] for cell in range(len(centres))]


def _propose(
    coarse: Floats, groups: list[Ints], floor: float, progress: Progress
) -> tuple[Ints, Ints, Exact, Flags]:
    """Pairs of like layout: places, likeness, and whether in a mirror."""
    total, done = sum(len(group) for group in groups), 0
    progress("comparing layouts", 0, total)
    none = np.empty(0, np.int64)
    parts: list[tuple[Ints, Ints, Exact, Flags]] = [(none, none, none.astype(float), none > 0)]
    for group in groups:
        members = np.ascontiguousarray(coarse[group])
        for block in blocks(len(group), _ROWS):
            rows, columns, likeness, mirrored = _nearest(members, floor, block)
            parts.append((group[rows], group[columns], likeness, mirrored))
            done += block.stop - block.start
            progress("comparing layouts", done, total)
    first, second, likeness, mirrored = map(np.concatenate, zip(*parts, strict=True))
    # Cells overlap: a pair may come twice. The straight view of a pair goes before the mirrored.
    key = (first * len(coarse) + second) * 2 + mirrored
    _, once = np.unique(key, return_index=True)
    return first[once], second[once], likeness[once], mirrored[once]


def _nearest(coarse: Floats, floor: float, block: slice) -> tuple[Ints, Ints, Exact, Flags]:
    """The most alike later pictures of each picture in a block."""
    found = []
    for tile in blocks(len(coarse), _COLUMNS, start=block.start):
        for mirror, alike in enumerate(products(coarse, block, tile)):
            if tile.start == block.start:
                alike[np.tril_indices(len(alike))] = -1  # itself, and earlier pictures
            hits = _hits(alike, np.float32(floor * RADIUS**2))
            rows, columns = np.divmod(hits, alike.shape[1])
            values = alike.ravel()[hits].astype(np.float64)
            found.append(
                (rows + block.start, columns + tile.start, values, np.full(len(hits), mirror))
            )
    rows, columns, values, mirrored = map(np.concatenate, zip(*found, strict=True))
    order = np.lexsort((mirrored, columns, -values, rows))
    rank = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
    best = order[rank < PER_PICTURE]
    return rows[best], columns[best], values[best], mirrored[best].astype(bool)


def _hits(alike: Floats, floor: np.float32) -> Ints:
    """Places of values at or above the floor, of each row no fewer than are wanted of it."""
    enough = alike >= floor
    if np.count_nonzero(enough) > PER_PICTURE * len(alike) and alike.shape[1] > PER_PICTURE:
        # Pictures that are all alike would flood the memory with pairs that nobody takes.
        wanted = np.partition(alike, -PER_PICTURE, axis=1)[:, -PER_PICTURE]
        enough &= alike >= wanted[:, None]
    return np.flatnonzero(enough)


def _limit(thumbs: Bytes, coarse: Floats) -> float:
    """The distance within which pairs are near-duplicates in this dataset.

    Handwritten digits are all alike, photographs are not: what is telling in one set is chance in
    the other. So the distances of unrelated pairs are sampled, and their tail is followed, on a
    straight line between logarithms, to where chance gives `BY_CHANCE` pairs for each picture. Of
    two lines, one further out than the other, the one that ends higher is taken: true duplicates
    in the sample bend the outer one down.
    """
    count = len(coarse)
    if count < 16:
        return FARTHEST
    first, second = _sample(count)
    alike = np.einsum("nk,nk->n", coarse[first], coarse[second]).astype(np.float64)
    straight = np.zeros(len(first), bool)
    distance = np.sort(distances(alike, structure(thumbs, first, second, straight, silent)))
    inner, middle, outer = (
        (math.log10(share), math.log10(max(distance[int(share * len(distance))], 1e-6)))
        for share in (0.3, 0.1, 0.01)
    )
    aim = math.log10(2 * BY_CHANCE / count)
    ends = [
        near[1] + (far[1] - near[1]) / (far[0] - near[0]) * (aim - near[0])
        for near, far in ((inner, middle), (middle, outer))
    ]
    # Rounded, since logarithms may differ in their last place from machine to machine.
    return min(round(10 ** max(ends), 3), FARTHEST)


def _sample(count: int) -> tuple[Ints, Ints]:
    """Pairs spread evenly over all pairs, the same everywhere."""
    places = np.arange(0, count, -(-count // _SAMPLE), dtype=np.int64)
    steps = min(-(-_SAMPLE // len(places)), (count - 1) // 2)
    apart = (np.arange(steps) + 1) * (count // 2) // (steps + 1) + 1
    first = np.repeat(places, steps)
    second = (first + np.tile(apart, len(places))) % count
    return np.minimum(first, second), np.maximum(first, second)


def _ordered(
    same: tuple[Ints, Ints],
    found: tuple[Ints, Ints, Exact, Flags],
    limit: float,
    note: str,
) -> NearPairs:
    first = np.concatenate([same[0], found[0]])
    second = np.concatenate([same[1], found[1]])
    distance = np.concatenate([np.zeros(len(same[0])), found[2]]).astype(np.float32)
    mirrored = np.concatenate([np.zeros(len(same[0]), bool), found[3]])
    order = np.lexsort((mirrored, distance, second, first))
    key = np.stack([first[order], second[order]])
    once = np.ones(len(order), bool)
    once[1:] = (key[:, 1:] != key[:, :-1]).any(0)
    pick = order[once]
    return NearPairs(
        first=first[pick],
        second=second[pick],
        distance=distance[pick],
        mirrored=mirrored[pick],
        limit=limit,
        note=note,
    )
