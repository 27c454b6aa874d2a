"""Decoded pictures in one memory-mapped array, made once and used ever after.

A pack holds every picture of a dataset, fitted, in the dataset's order, whatever the split: it is
keyed by the pictures' content and by what was done to them, so another split or other labels use
the same one.
"""

from __future__ import annotations

import errno
import hashlib
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from bakeoff.data.cache import cache_folder, entry
from bakeoff.data.dataset import Dataset
from bakeoff.data.decode import VERSION, decode, fit
from bakeoff.data.listing import ArrayPictures, FilePictures
from bakeoff.data.progress import Progress, silent
from bakeoff.data.scan import in_order
from bakeoff.spec import codec
from bakeoff.spec.errors import CacheError, DataError, PictureError
from bakeoff.spec.image import Preprocess

__all__ = ["Pack", "digest_of", "pack"]

_CHUNK = 1024
_FILE = "pictures.npy"


@dataclass(frozen=True, kw_only=True)
class Pack:
    """All pictures of a dataset, ready for a network: uint8, N×size×size×3, read-only."""

    pictures: npt.NDArray[np.uint8]
    path: Path
    digest: str
    """Of the pictures' content and the preprocessing together."""


def pack(dataset: Dataset, preprocess: Preprocess, *, progress: Progress = silent) -> Pack:
    """The pack of `dataset` as `preprocess` fits it; made if it is not there yet."""
    if preprocess.size is None:
        raise DataError(
            "Preprocess.size",
            "must be settled before pictures are packed",
            suggestion="Give the side of the square in pixels, such as 32 or 224.",
        )
    digest = digest_of(dataset, preprocess)
    path = cache_folder() / "packs" / digest[:32]
    with entry(path, "the pack") as made:
        if made is not None:
            _make(dataset, preprocess, made / _FILE, progress)
    return Pack(pictures=_open(path / _FILE), path=path, digest=digest)


def digest_of(dataset: Dataset, preprocess: Preprocess) -> str:
    """What the pack of `dataset` would be known by, were it made."""
    # Mean and deviation are applied in the network; here they only colour what `pad` adds.
    seen = preprocess if preprocess.fit == "pad" else replace(preprocess, mean=None, std=None)
    return hashlib.sha256(f"{VERSION} {dataset.content} {codec.digest(seen)}".encode()).hexdigest()


def _open(path: Path) -> npt.NDArray[np.uint8]:
    try:
        pictures: npt.NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        rule = f"is damaged ({error})"
        raise CacheError(str(path), rule, suggestion="Delete it; it is made again.") from None
    return pictures


def _make(dataset: Dataset, preprocess: Preprocess, path: Path, progress: Progress) -> None:
    assert preprocess.size is not None
    shape = (len(dataset), preprocess.size, preprocess.size, 3)
    progress("packing", 0, len(dataset))
    # Written, not mapped: on a full disk a write fails with an error, a mapped page kills.
    with path.open("wb") as file:
        _refuse_if_full(path.parent, math.prod(shape))
        kind = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, kind)
        done = 0
        for count in _written(dataset, preprocess, file):
            done += count
            progress("packing", done, len(dataset))


def _refuse_if_full(folder: Path, needed: int) -> None:
    """Say before hours of decoding what would be said after them."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"{needed} bytes are needed and {free} are free")


def _written(dataset: Dataset, preprocess: Preprocess, file: BinaryIO) -> Iterator[int]:
    """Write the fitted pictures from here on, some at a time; how many each time."""
    pictures, size = dataset.pictures, preprocess.size
    assert size is not None
    if isinstance(pictures, ArrayPictures) and _is_fitted(pictures, preprocess):
        for start in range(0, len(pictures), _CHUNK):
            chunk = np.ascontiguousarray(pictures.array[start : start + _CHUNK])
            file.write(chunk.data)
            yield len(chunk)
        return
    first, turn = file.tell(), Lock()

    def put(place: int) -> int:
        if isinstance(pictures, FilePictures):
            pixels = _decoded(pictures, place, preprocess)
        else:
            pixels = fit(pictures.array[place], preprocess)
        # Whoever decoded it writes it where it belongs: to hand it over costs more.
        with turn:
            file.seek(first + place * pixels.nbytes)
            file.write(np.ascontiguousarray(pixels).data)
        return 1

    yield from in_order(put, range(len(pictures)))


def _is_fitted(pictures: ArrayPictures, preprocess: Preprocess) -> bool:
    size = preprocess.size
    return pictures.array.shape[1:3] == (size, size) and preprocess.keep == 1


def _decoded(pictures: FilePictures, index: int, preprocess: Preprocess) -> npt.NDArray[np.uint8]:
    try:
        return decode(pictures.path(index), preprocess, name=pictures.name(index))
    except PictureError as error:
        # It was whole when the dataset was loaded; going on would shift every label after it.
        raise DataError(
            pictures.name(index),
            f"{error.rule}, but was whole a moment ago",
            suggestion="Load the dataset again once nothing changes its files.",
        ) from error
