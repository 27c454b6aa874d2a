"""Which pictures of a dataset are copies of others, and which copies cross from part to part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.data.dataset import Dataset
from bakeoff.data.likeness import Flags, Floats, Ints

__all__ = ["LISTED", "Duplicates", "Pair", "exact", "leaked", "near"]

SURE = 0.2
"""Distance up to which a pair with different labels speaks against a label; pairs further apart are
too often two photographs."""

LISTED = 200
"""At most this many pairs are named; all are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two pictures that are copies of one another."""

    places: tuple[int, int]
    names: tuple[str, str]
    parts: tuple[str, str]
    """Empty where a picture belongs to no part."""

    classes: tuple[str, str]
    distance: float
    mirrored: bool

    conflicting: bool
    """Whether one picture seems to have two labels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicates:
    """Copies of one kind in a dataset."""

    pairs: int
    """Found; many copies of one picture are linked to each other, not each to each."""

    pictures: int
    """That have at least one copy."""

    across: dict[str, int]
    """Pairs between parts, by the names of both: "train/test"."""

    leaked: dict[str, int]
    """Pictures of validation and of test that have a copy in a part the model learns from: in
    train, and for test also in validation."""

    conflicting: int
    """Pairs with different labels, as far as they are surely copies."""

    mirrored: int
    """Pairs seen in a mirror."""

    listed: tuple[Pair, ...]
    """The most telling first: different labels, then across parts, then the most alike."""


def exact(dataset: Dataset) -> Duplicates:
    """Pictures whose files, or pixels where there are no files, are the same byte for byte."""
    kind, first, second = _twins(dataset)
    nothing = np.zeros(len(first))
    return _count(dataset, kind, first, second, nothing.astype(np.float32), nothing > 0)


def near(dataset: Dataset) -> Duplicates:
    """Near-duplicates that are not exact ones."""
    found = dataset.near
    kind, differ = _alike(dataset)
    return _count(
        dataset,
        kind,
        found.first[differ],
        found.second[differ],
        found.distance[differ],
        found.mirrored[differ],
    )


def leaked(dataset: Dataset, part: str) -> Ints:
    """The pictures of validation or test that have a copy, exact or near, in a part the model
    learns from."""
    names, place = _parts(dataset)
    judged = names.index(part)
    learnt = tuple(range(judged))
    found = dataset.near
    kind, first, second = _twins(dataset)
    same = _copied(kind, place, first, second, learnt, judged)
    kind, differ = _alike(dataset)
    alike = _copied(kind, place, found.first[differ], found.second[differ], learnt, judged)
    return np.flatnonzero(same | alike)


def _twins(dataset: Dataset) -> tuple[Ints, Ints, Ints]:
    """What each picture is, and the pairs of those that are the same."""
    kind = _same(dataset)
    order = np.argsort(kind, kind="stable")
    twins = np.flatnonzero(kind[order][1:] == kind[order][:-1])
    return kind, order[twins], order[twins + 1]


def _alike(dataset: Dataset) -> tuple[Ints, Flags]:
    """What each picture is to the search for near-duplicates, and which of its pairs differ."""
    found = dataset.near
    same = _same(dataset)
    differ = same[found.first] != same[found.second]
    # Copies with one thumbnail stand in for each other: only one of them was compared on.
    kind = np.arange(len(dataset))
    twins = found.distance == 0
    for first, second in zip(found.first[twins], found.second[twins], strict=True):
        kind[second] = kind[first]
    return kind, differ


def _same(dataset: Dataset) -> Ints:
    _, kind = np.unique(dataset.scan.digests, axis=0, return_inverse=True)
    return kind.astype(np.int64).ravel()


def _count(
    dataset: Dataset, kind: Ints, first: Ints, second: Ints, distance: Floats, mirrored: Flags
) -> Duplicates:
    names, part = _parts(dataset)
    labels = dataset.labels
    conflicting = (labels[first] != labels[second]) & (distance <= SURE)
    low, high = np.minimum(part[first], part[second]), np.maximum(part[first], part[second])
    across = {
        f"{names[a]}/{names[b]}": int(((low == a) & (high == b)).sum())
        for a in range(len(names))
        for b in range(a + 1, len(names))
    }
    crossing = (low != high) & (low >= 0)
    order = np.lexsort((second, first, distance, -high, ~crossing, ~conflicting))[:LISTED]
    return Duplicates(
        pairs=len(first),
        pictures=len(np.union1d(first, second)),
        across=across,
        leaked={
            "val": int(_copied(kind, part, first, second, (0,), 1).sum()),
            "test": int(_copied(kind, part, first, second, (0, 1), 2).sum()),
        },
        conflicting=int(conflicting.sum()),
        mirrored=int(mirrored.sum()),
        listed=tuple(
            _pair(dataset, names, part, first[i], second[i], distance[i], mirrored[i])
            for i in order
        ),
    )


def _parts(dataset: Dataset) -> tuple[list[str], Ints]:
    """The parts' names, and the place of each picture's part among them; -1 where in none."""
    parts = dataset.split.parts()
    place = np.full(len(dataset), -1, np.int64)
    for code, indices in enumerate(parts.values()):
        place[indices] = code
    return list(parts), place


def _copied(
    kind: Ints, part: Ints, first: Ints, second: Ints, learnt: tuple[int, ...], judged: int
) -> Flags:
    """Which pictures of the part `judged` have a copy in the parts `learnt`."""
    kinds = int(kind.max(initial=-1)) + 1
    known = np.zeros(kinds, bool)
    known[kind[np.isin(part, learnt)]] = True
    paired = np.zeros(kinds, bool)
    np.logical_or.at(paired, kind[first], known[kind[second]])
    np.logical_or.at(paired, kind[second], known[kind[first]])
    return np.asarray(paired[kind] & (part == judged))


def _pair(
    dataset: Dataset,
    names: list[str],
    part: Ints,
    first: int,
    second: int,
    distance: float,
    mirrored: bool,
) -> Pair:
    # The picture the model learns from comes first.
    if part[first] > part[second]:
        first, second = second, first
    places = (int(first), int(second))
    return Pair(
        places=places,
        names=(dataset.pictures.name(places[0]), dataset.pictures.name(places[1])),
        parts=(_named(names, part[first]), _named(names, part[second])),
        classes=(dataset.classes[dataset.labels[first]], dataset.classes[dataset.labels[second]]),
        distance=round(float(distance), 3),
        mirrored=bool(mirrored),
        conflicting=bool(dataset.labels[first] != dataset.labels[second] and distance <= SURE),
    )


def _named(names: list[str], code: int) -> str:
    return names[code] if code >= 0 else ""
