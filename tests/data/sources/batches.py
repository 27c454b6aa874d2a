"""CIFAR's batch files in small: the published layouts with fewer rows."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.sources.cifar import LAYOUTS, Layout

__all__ = ["ROWS", "pixels", "small", "write_batches", "write_pickle"]

ROWS = 12


def small(layout: Layout) -> Layout:
    """The layout with `ROWS` rows a file."""
    return replace(layout, files=tuple((name, part, ROWS) for name, part, _ in layout.files))


SMALL = tuple(small(layout) for layout in LAYOUTS)


def pixels(number: int) -> npt.NDArray[np.uint8]:
    """Rows of file `number`, each three channels of 1024 bytes."""
    return np.random.default_rng(number).integers(0, 256, (ROWS, 3072), np.uint8)


def labels(number: int, classes: int) -> list[int]:
    """Every class comes up in the first file that can hold them."""
    return [(number * ROWS + row) % classes for row in range(ROWS)]


def write_batches(folder: Path, layout: Layout) -> Path:
    """All the files of a layout."""
    folder.mkdir(parents=True)
    for number, (name, _, _) in enumerate(layout.files):
        marks = labels(number, layout.classes)
        if layout.pickled:
            content = {b"data": pixels(number), layout.key + b"s": marks}
            write_pickle(folder / name, content)
        else:
            head = np.zeros((ROWS, layout.label_bytes), np.uint8)
            head[:, -1] = marks
            np.hstack([head, pixels(number)]).tofile(folder / name)
    names = [f"class{number}" for number in range(layout.classes)]
    if layout.pickled:
        write_pickle(folder / layout.names, {layout.key + b"_names": [n.encode() for n in names]})
    else:
        (folder / layout.names).write_text("\n".join(names) + "\n\n")
    return folder


def write_pickle(path: Path, content: dict[bytes, Any]) -> None:
    """A pickle as Python 2 wrote it: texts and buffers are its byte strings, opcode T or U."""
    path.write_bytes(b"\x80\x02" + _old(content) + b".")


def _old(value: Any) -> bytes:
    if isinstance(value, bytes):
        return b"T" + len(value).to_bytes(4, "little") + value
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"J" + value.to_bytes(4, "little", signed=True)
    if isinstance(value, list):
        return b"](" + b"".join(map(_old, value)) + b"e"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_old, value)) + b"t"
    if isinstance(value, dict):
        return b"}(" + b"".join(_old(k) + _old(v) for k, v in value.items()) + b"u"
    if isinstance(value, np.ndarray):
        return _old_array(value)
    return pickle.dumps(value, 2)[2:-1]


def _old_array(value: npt.NDArray[Any]) -> bytes:
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + _old((0,)) + _old(b"b")
    kind = value.dtype.str.lstrip("|").encode()
    dtype = b"cnumpy\ndtype\n" + _old((kind, 0, 1)) + b"R" + _old((3, b"|", 0)) + b"b"
    state = _old(1) + _old(value.shape) + dtype + _old(False) + _old(value.tobytes())
    return made + b"tR(" + state + b"tb"
