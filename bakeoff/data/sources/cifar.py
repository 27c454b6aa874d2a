"""CIFAR-10 and CIFAR-100 as published: the Python batch files and the binary ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.listing import PARTS, ArrayPictures, Listing
from bakeoff.data.sources.pickles import read_pickle
from bakeoff.spec.errors import DataError

__all__ = ["LAYOUTS", "Layout", "locate_batches", "read_batches"]

SIDE = 32
PIXELS = 3 * SIDE * SIDE


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One published form of one dataset: the files in its folder, and what is in a row."""

    dataset: str
    folder: str
    """What the folder is called in the published archive."""
    files: tuple[tuple[str, int, int], ...]
    """Name, part and number of rows of each batch file, in the published order."""
    names: str
    """The file with the class names."""
    classes: int
    pickled: bool
    key: bytes
    """Under which name a pickled file holds labels, and before `_names` the classes."""
    label_bytes: int = 1
    """Bytes before the pixels of a binary row; the last of them is the label."""

    def required(self) -> tuple[str, ...]:
        return (*(name for name, _, _ in self.files), self.names)


def _ten(suffix: str) -> tuple[tuple[str, int, int], ...]:
    train = tuple((f"data_batch_{i}{suffix}", PARTS.index("train"), 10_000) for i in range(1, 6))
    return (*train, (f"test_batch{suffix}", PARTS.index("test"), 10_000))


def _hundred(suffix: str) -> tuple[tuple[str, int, int], ...]:
    train = (f"train{suffix}", PARTS.index("train"), 50_000)
    return train, (f"test{suffix}", PARTS.index("test"), 10_000)


LAYOUTS = (
    Layout(
        dataset="cifar10", folder="cifar-10-batches-bin", files=_ten(".bin"),
        names="batches.meta.txt", classes=10, pickled=False, key=b"",
    ),
    Layout(
        dataset="cifar10", folder="cifar-10-batches-py", files=_ten(""),
        names="batches.meta", classes=10, pickled=True, key=b"label",
    ),
    Layout(
        dataset="cifar100", folder="cifar-100-binary", files=_hundred(".bin"),
        names="fine_label_names.txt", classes=100, pickled=False, key=b"", label_bytes=2,
    ),
    Layout(
        dataset="cifar100", folder="cifar-100-python", files=_hundred(""),
        names="meta", classes=100, pickled=True, key=b"fine_label",
    ),
)  # fmt: skip


_PLACES = tuple(
    f"{above}{wrapper}{layout.folder}"
    for layout in LAYOUTS
    for above in ("", "datasets/")
    for wrapper in ("", f"{layout.folder}-target/")
)
"""Where the published folders lie in torchvision's cache and in Keras's, old and new."""


def locate_batches(folder: Path) -> list[tuple[Path, Layout]]:
    """Where batch files lie, in `folder` itself or where a framework's cache has them.

    Two of the files are enough to know them by, so that a missing one can be named.
    """
    found = []
    for place in (folder, *(folder / below for below in _PLACES)):
        if place.is_dir():
            for layout in LAYOUTS:
                if sum((place / name).is_file() for name in layout.required()) >= 2:
                    found.append((place, layout))
                    break
    return found


def read_batches(folder: Path, layout: Layout) -> Listing:
    """All pictures of the batch files in `folder`, training first, in the published order."""
    missing = [name for name in layout.required() if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"batch file {folder / missing[0]}",
            f"is missing, though others of {layout.dataset} lie there",
            suggestion="Unpack the published archive again; all its files are needed: "
            + ", ".join(layout.required())
            + ".",
        )
    classes = _read_names(folder / layout.names, layout)
    total = sum(rows for _, _, rows in layout.files)
    array = np.empty((total, SIDE, SIDE, 3), np.uint8)
    labels = np.empty(total, np.int64)
    official = np.empty(total, np.uint8)
    start = 0
    for name, part, rows in layout.files:
        span = slice(start, start + rows)
        pixels, labels[span] = _read_file(folder / name, layout, rows)
        # One channel at a time is ten times faster here than one transposed copy.
        for channel, plane in enumerate(np.moveaxis(pixels.reshape(rows, 3, SIDE, SIDE), 1, 0)):
            array[span, :, :, channel] = plane
        official[span] = part
        start += rows
    return Listing(
        name=layout.dataset,
        pictures=ArrayPictures(array=array),
        labels=labels,
        classes=classes,
        official=official,
    )


def _read_file(
    path: Path, layout: Layout, rows: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    if layout.pickled:
        pixels, labels = _read_pickled(path, layout.key + b"s")
    else:
        pixels, labels = _read_binary(path, layout.label_bytes)
    if pixels.shape != (rows, PIXELS):
        rule = f"must hold {rows} rows of {PIXELS} values; it may have been cut short"
        raise DataError(f"batch file {path}", rule, pixels.shape, "Unpack the archive again.")
    if labels.shape != (rows,):
        raise DataError(f"labels in batch file {path}", f"must be {rows}", labels.shape)
    bad = labels[(labels < 0) | (labels >= layout.classes)]
    if len(bad):
        rule = f"must be between 0 and {layout.classes - 1}"
        hint = "Unpack the published archive again."
        raise DataError(f"a label in batch file {path}", rule, int(bad[0]), hint)
    return pixels, labels


def _read_pickled(path: Path, key: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    found = read_pickle(path)
    for wanted in (b"data", key):
        if wanted not in found:
            text = f"must have an entry {wanted.decode()!r}"
            raise DataError(f"batch file {path}", text, sorted(map(str, found)))
    pixels, labels = found[b"data"], found[key]
    if not isinstance(pixels, np.ndarray):
        raise DataError(f"'data' in batch file {path}", "must be an array of bytes")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise DataError(f"labels in batch file {path}", "must be a list of whole numbers")
    return pixels, np.array(labels, np.int64)


def _read_binary(
    path: Path, label_bytes: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    flat = np.fromfile(path, np.uint8)
    row = label_bytes + PIXELS
    if len(flat) % row:
        rule = f"must hold whole rows of {row} bytes; it has been cut short or is something else"
        raise DataError(f"batch file {path}", rule, f"{len(flat)} bytes", "Unpack it again.")
    table = flat.reshape(-1, row)
    return table[:, label_bytes:], table[:, label_bytes - 1].astype(np.int64)


def _read_names(path: Path, layout: Layout) -> tuple[str, ...]:
    found: Any
    try:
        if layout.pickled:
            found = read_pickle(path).get(layout.key + b"_names")
            names = [name.decode("utf-8") for name in found]
        else:
            names = path.read_text(encoding="utf-8").split()
    except (AttributeError, TypeError, UnicodeDecodeError) as error:
        raise DataError(f"class names in {path}", "must be a list of texts") from error
    if len(names) != layout.classes:
        raise DataError(f"class names in {path}", f"must be {layout.classes}", len(names))
    return tuple(names)
