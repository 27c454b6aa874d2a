"""NumPy's `.npz`: images and labels, in one part or several."""

from __future__ import annotations

import errno
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.listing import PARTS, ArrayPictures, Listing
from bakeoff.data.sources.naming import class_order, official_parts
from bakeoff.spec.errors import DataError

__all__ = ["find_arrays"]

WHOLE = (("images", "labels"), ("x", "y"))
SPLIT: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {part: ((f"x_{part}", f"y_{part}"), (f"{part}_images", f"{part}_labels")) for part in PARTS}
)
CLASSES = ("classes", "class_names")
BATCH = 4096
"""Pictures converted at a time, so that floats of a whole dataset are never held twice."""

_AGAIN = "Write it again with numpy.savez(path, images=…, labels=…), as numbers and texts."
_DAMAGE = (
    ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip

Labels = npt.NDArray[Any]


def find_arrays(path: Path) -> Listing:
    """The pictures in a `.npz`; nothing in it is unpickled."""
    try:
        # Opened here, as NumPy leaves a damaged file open.
        with path.open("rb") as file:
            if file.read(2) not in (b"PK", b"\x93N"):
                rule = "is cut short, or not a .npz"
                raise DataError(f"file {path}", rule, suggestion=_AGAIN)
            file.seek(0)
            members = np.load(file, allow_pickle=False)
            if not isinstance(members, np.lib.npyio.NpzFile):
                raise DataError(f"file {path}", "must be a .npz with images and labels in it")
            with members:
                return _read(members, path)
    except MemoryError as error:
        rule = "claims to hold more than fits into memory"
        hint = "Write the pictures as files into class folders instead."
        raise DataError(f"file {path}", rule, suggestion=hint) from error
    except _DAMAGE as error:
        # A zip file can send its reader to a place that is invalid; any other number is the disk's.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        rule = f"cannot be read: {error}"
        if "allow_pickle" in str(error):
            rule = "holds Python objects, which could run anything when read"
        raise DataError(f"file {path}", rule, suggestion=_AGAIN) from error


def _read(members: Mapping[str, npt.NDArray[Any]], path: Path) -> Listing:
    pairs = _pairs(members, path)
    notes: list[str] = []
    arrays, labels, parts = [], [], []
    for part, (images, of_them) in pairs:
        array = _pictures(members[images], f"{images!r} in {path}", notes)
        label = _labels(members[of_them], f"{of_them!r} in {path}")
        if len(label) != len(array):
            rule = f"must be as many as the {len(array)} pictures"
            raise DataError(f"{of_them!r} in {path}", rule, len(label), "Write both again.")
        arrays.append(array)
        labels.append(label)
        parts.append(np.full(len(array), part, np.uint8))
    sizes = sorted({array.shape[1:3] for array in arrays})
    if len(sizes) > 1:
        raise DataError(f"pictures in {path}", "must be of one size in all parts", sizes)
    numbers, classes = _classes(np.concatenate(labels), members, path)
    official, more = official_parts(np.concatenate(parts), path.name)
    return Listing(
        name=path.stem,
        pictures=ArrayPictures(array=arrays[0] if len(arrays) == 1 else np.concatenate(arrays)),
        labels=numbers,
        classes=classes,
        official=official,
        notes=(*dict.fromkeys(notes), *(more if len(pairs) > 1 else ())),
    )


def _pairs(members: Mapping[str, Any], path: Path) -> list[tuple[int, tuple[str, str]]]:
    """Which member holds the pictures of which part, and which their labels."""
    for pair in WHOLE:
        if all(name in members for name in pair):
            return [(PARTS.index("train"), pair)]
    found = [
        (PARTS.index(part), pair)
        for part, pairs in SPLIT.items()
        for pair in pairs
        if all(name in members for name in pair)
    ]
    if found:
        return found
    raise DataError(
        f"arrays in {path}",
        "must be named images and labels (or x and y; or x_train, y_train, x_test, y_test; or "
        "train_images, train_labels, …)",
        sorted(members),
        "Write it again with numpy.savez(path, images=…, labels=…).",
    )


def _pictures(array: npt.NDArray[Any], where: str, notes: list[str]) -> npt.NDArray[np.uint8]:
    shape = array.shape
    if len(shape) == 3:
        array = array[..., np.newaxis]
    elif len(shape) != 4:
        rule = "must have the axes N×height×width×3, ×1 or none"
        raise DataError(where, rule, shape)
    if array.shape[3] not in (1, 3):
        raise DataError(where, "must have 1 or 3 channels, last", shape, _channel_hint(shape))
    if len(array) == 0 or 0 in array.shape:
        raise DataError(where, "must not be empty", shape)
    scale = _scale(array, where)
    if scale != 1:
        notes.append("Values from 0 to 1 were multiplied by 255 and rounded.")
    out = np.empty((*array.shape[:3], 3), np.uint8)
    for start in range(0, len(array), BATCH):
        batch = array[start : start + BATCH]
        out[start : start + BATCH] = batch if scale == 1 else np.rint(batch * float(scale))
    return out


def _channel_hint(shape: tuple[int, ...]) -> str:
    if shape[1] in (1, 3):
        return "Channels seem to come first: write numpy.transpose(images, (0, 2, 3, 1))."
    if shape[3] == 4:
        return "Lay the pictures on a background and drop the fourth (alpha) channel."
    return ""


def _scale(array: npt.NDArray[Any], where: str) -> int:
    """What to multiply by to get 0 to 255."""
    if array.dtype == np.uint8:
        return 1
    rule = "must be numbers from 0 to 255, or fractions from 0 to 1"
    if array.dtype.kind not in "iuf":
        raise DataError(where, rule, str(array.dtype))
    low, high, whole = np.float64(np.inf), np.float64(-np.inf), True
    for start in range(0, len(array), BATCH):
        batch = array[start : start + BATCH]
        low, high = np.minimum(low, batch.min()), np.maximum(high, batch.max())
        whole = whole and (array.dtype.kind != "f" or bool(np.all(batch == np.rint(batch))))
    # Written so that a NaN is refused as well.
    if not (low >= 0 and high <= 255):
        raise DataError(where, rule, f"{low:g} to {high:g}", "Undo the normalisation first.")
    if array.dtype.kind == "f" and high <= 1:
        return 255
    if not whole:
        hint = "Round them, or divide by 255."
        raise DataError(where, rule, f"fractions from {low:g} to {high:g}", hint)
    return 1


def _labels(labels: Labels, where: str) -> Labels:
    """One label a picture, as a whole number or a text."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8")
    if labels.ndim == 2 and labels.dtype.kind in "iufb":
        return _from_one_hot(labels, where)
    if labels.ndim != 1:
        raise DataError(where, "must be one a picture, or one-hot rows", labels.shape)
    if labels.dtype.kind == "f" and np.all(labels == np.rint(labels)):
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iuU":
        raise DataError(where, "must be whole numbers or texts", str(labels.dtype))
    return labels


def _from_one_hot(labels: Labels, where: str) -> Labels:
    ones = labels == 1
    bad = np.flatnonzero((ones.sum(axis=1) != 1) | ~np.all(ones | (labels == 0), axis=1))
    if len(bad):
        row = int(bad[0])
        rule = f"must be a single 1 among zeros in each row (row {row})"
        raise DataError(where, rule, labels[row].tolist()[:12])
    found: Labels = ones.argmax(axis=1)
    return found


def _classes(
    labels: Labels, members: Mapping[str, npt.NDArray[Any]], path: Path
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Labels as places among the classes, and the classes."""
    named = next((name for name in CLASSES if name in members), None)
    texts = labels.astype(str)
    if named is None:
        classes = class_order(texts.tolist())
    else:
        given = members[named]
        if given.dtype.kind == "S":
            given = np.char.decode(given, "utf-8")
        if given.ndim != 1 or given.dtype.kind != "U":
            raise DataError(f"{named!r} in {path}", "must be a list of texts", str(given.dtype))
        classes = tuple(given.tolist())
        if labels.dtype.kind != "U":
            bad = labels[(labels < 0) | (labels >= len(classes))]
            if len(bad):
                rule = f"must be between 0 and {len(classes) - 1}, a place in {named!r}"
                hint = f"Correct it, or add its class to {named!r}."
                raise DataError(f"a label in {path}", rule, int(bad[0]), hint)
            return labels.astype(np.int64), classes
        unknown = sorted(set(texts.tolist()) - set(classes))
        if unknown:
            rule = f"must be among {named!r}"
            hint = f"Correct it, or add its class to {named!r}."
            raise DataError(f"a label in {path}", rule, unknown[0], hint)
    distinct, inverse = np.unique(texts, return_inverse=True)
    place = np.array([classes.index(name) for name in distinct.tolist()], np.int64)
    return place[inverse.reshape(-1)], classes
