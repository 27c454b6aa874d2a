"""Pictures of a part that a champion is asked about: drawn by a seed, fitted as it wants them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Engine, Outputs
from bakeoff.champion.record import Record
from bakeoff.data.dataset import Dataset
from bakeoff.data.draws import hashed
from bakeoff.data.pack import pack
from bakeoff.data.progress import Progress, silent
from bakeoff.evaluation.predictions import Predictions
from bakeoff.spec.errors import DataError, one_of
from bakeoff.spec.recipe import Recipe

__all__ = [
    "Asked",
    "Part",
    "Sample",
    "batches",
    "first",
    "in_classes_of",
    "members_of",
    "said",
    "sample",
]

Part = Literal["val", "test"]
Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]

PARTS = {"val": "validation", "test": "test"}

_AT_ONCE = 3_000_000
"""Pixels that are held at one time: 60 pictures of 224×224."""


class Asked(Protocol):
    """As much of a `Champion` as is needed to ask it about a dataset."""

    @property
    def record(self) -> Record: ...

    @property
    def recipe(self) -> Recipe: ...

    @property
    def engine(self) -> Engine: ...

    def tell(self, pixels: Pixels) -> Outputs: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Some pictures of a dataset."""

    indices: Ints
    """In the dataset, in its order."""

    labels: Ints
    """In the champion's classes."""

    packed: Pixels
    """All pictures of the dataset, fitted."""

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def side(self) -> int:
        return int(self.packed.shape[1])

    def pixels(self, places: Ints) -> Pixels:
        """Those at `places`."""
        return np.ascontiguousarray(self.packed[self.indices[places]])


def members_of(dataset: Dataset, part: Part) -> Ints:
    """The pictures of a part, of which there must be some."""
    members = dataset.split.parts()[part]
    if not len(members):
        raise DataError(
            dataset.name,
            f"has no {PARTS[part]} pictures",
            suggestion="Give it another split, or ask about the other part.",
        )
    return members


def first(indices: Ints, count: int, seed: int) -> Ints:
    """Places of so many pictures that the seed draws; of more of them, these among them."""
    drawn = np.argsort(hashed(indices, "sample", seed), kind="stable")
    return np.sort(drawn[:count])


def sample(champion: Asked, dataset: Dataset, indices: Ints, progress: Progress = silent) -> Sample:
    """These pictures, for this champion."""
    known = {name: place for place, name in enumerate(champion.record.classes)}
    for name in dataset.classes:
        if name not in known:
            raise DataError(
                f"class {name!r} of {dataset.name}",
                "is none that the champion knows",
                suggestion=f"{one_of(name, known)} Other names are given with --classes.",
            )
    places = np.array([known[name] for name in dataset.classes], np.int64)
    packed = pack(dataset, champion.recipe.preprocess, progress=progress).pictures
    return Sample(indices=indices, labels=places[dataset.labels[indices]], packed=packed)


def batches(places: Ints, side: int) -> Iterator[Ints]:
    """`places` in pieces that fit into memory."""
    step = max(min(_AT_ONCE // side**2, 250), 1)
    for start in range(0, len(places), step):
        yield places[start : start + step]


def said(champion: Asked, looked: Sample, progress: Progress = silent) -> Predictions:
    """What a champion says of pictures as they are."""
    found, done = [], 0
    progress("looking at pictures as they are", 0, len(looked))
    for batch in batches(np.arange(len(looked)), looked.side):
        found.append(champion.tell(looked.pixels(batch)).probabilities)
        done += len(batch)
        progress("looking at pictures as they are", done, len(looked))
    return Predictions(
        indices=looked.indices,
        labels=looked.labels,
        probabilities=np.concatenate(found),
        classes=champion.record.classes,
    )


def in_classes_of(dataset: Dataset, told: Predictions) -> Predictions:
    """The same in the dataset's classes and their order; of others nothing is left."""
    if told.classes == dataset.classes:
        return told
    places = [told.classes.index(name) for name in dataset.classes]
    shares = told.probabilities[:, places]
    total = np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return Predictions(
        indices=told.indices,
        labels=dataset.labels[told.indices],
        probabilities=shares / total,
        classes=dataset.classes,
    )
