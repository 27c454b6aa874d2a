"""The training pictures that a network finds most like a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Outputs
from bakeoff.champion.explaining.explanation import Neighbour
from bakeoff.data.cache import cache_folder, entry
from bakeoff.data.dataset import Dataset
from bakeoff.data.pack import Pack, pack
from bakeoff.data.progress import Progress, silent
from bakeoff.spec.errors import CacheError, DataError
from bakeoff.spec.image import Preprocess

__all__ = ["nearest"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

_AT_ONCE = 64
_FILE = "features.npy"


def nearest(
    engine: Callable[[Pixels], Outputs],
    picture: Pixels,
    dataset: Dataset,
    preprocess: Preprocess,
    *,
    digest: str,
    count: int = 5,
    progress: Progress = silent,
) -> list[Neighbour]:
    """The pictures of the training part most like `picture`, the nearest first.

    `digest` is the champion's: what it makes of the training part is computed once and kept.
    """
    asked = engine(picture[None]).features
    if asked is None:
        raise DataError(
            "the nearest pictures",
            "need features, and this champion has none: it looks at the pixels themselves",
            suggestion="Leave --neighbours out.",
        )
    packed = pack(dataset, preprocess, progress=progress)
    known = _features(engine, dataset, packed, digest, progress)
    cosines = _cosines(known, _units(asked)[0])
    train = dataset.split.train
    return [
        Neighbour(
            picture=np.array(packed.pictures[train[row]]),
            name=dataset.pictures.name(int(train[row])),
            label=dataset.classes[dataset.labels[train[row]]],
            similarity=float(cosines[row]),
        )
        for row in np.argsort(-cosines, kind="stable")[:count].tolist()
    ]


def _features(
    engine: Callable[[Pixels], Outputs],
    dataset: Dataset,
    packed: Pack,
    digest: str,
    progress: Progress,
) -> npt.NDArray[np.float16]:
    """Of length one, a row for each picture of the training part."""
    train = dataset.split.train
    key = hashlib.sha256(f"neighbours 1 {digest} {packed.digest}".encode())
    key.update(np.ascontiguousarray(train, dtype="<i8").tobytes())
    path = cache_folder() / "neighbours" / key.hexdigest()[:32]
    with entry(path, "the features of the training pictures") as made:
        if made is not None:
            found = []
            for start in range(0, len(train), _AT_ONCE):
                progress("looking at the training pictures", start, len(train))
                told = engine(packed.pictures[train[start : start + _AT_ONCE]]).features
                assert told is not None, "the engine had features a moment ago"
                found.append(_units(told).astype(np.float16))
            progress("looking at the training pictures", len(train), len(train))
            np.save(made / _FILE, np.concatenate(found))
    return _open(path / _FILE)


def _open(path: Path) -> npt.NDArray[np.float16]:
    try:
        kept: npt.NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        rule = f"is damaged ({error})"
        raise CacheError(
            str(path), rule, suggestion="Delete its folder; it is made again."
        ) from None
    return kept


def _units(features: Floats) -> Floats:
    length = np.linalg.norm(features.astype(np.float32), axis=1, keepdims=True)
    units: Floats = features.astype(np.float32) / np.maximum(length, 1e-12)
    return units


def _cosines(known: npt.NDArray[np.float16], asked: Floats) -> Floats:
    """A piece at a time: in single precision all of them may be too many."""
    step = 8192
    pieces = [
        known[start : start + step].astype(np.float32) @ asked
        for start in range(0, len(known), step)
    ]
    return np.concatenate(pieces)
