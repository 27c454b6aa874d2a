"""Parquet files with the pictures inside, as the Hugging Face hub keeps them.

The encoded bytes are written out as files once: they stay what was published, and from there on
they are treated like any other picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.data.cache import cache_folder, entry
from bakeoff.data.listing import PARTS, FilePictures, Listing
from bakeoff.data.progress import Progress, silent
from bakeoff.data.sources.naming import class_order, official_parts
from bakeoff.data.sources.parquet import parquet_reader
from bakeoff.spec.errors import DataError

__all__ = ["find_embedded", "holds_pictures"]

ROWS = 256
LABELS = ("label", "labels", "fine_label", "class")
_FILE = "listing.json"
_TASK = "writing pictures"
_SUFFIXES = (
    (b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"RIFF", ".webp"),
    (b"BM", ".bmp"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"),
)  # fmt: skip


def holds_pictures(path: Path) -> bool:
    """Whether a Parquet file has a column of pictures, not of paths."""
    with parquet_reader(path) as parquet:
        return _picture_column(parquet.read_schema(path)) is not None


def find_embedded(
    files: Mapping[Path, int], name: str, key: str, progress: Progress = silent
) -> Listing:
    """The pictures in Parquet files, each of which belongs to one part, under a cache key."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    place = cache_folder() / "embedded" / digest
    with entry(place, f"pictures of {name}") as folder:
        if folder is not None:
            _write_out(files, name, folder, progress)
    index = json.loads((place / _FILE).read_text(encoding="utf-8"))
    official, notes = official_parts(np.array(index["parts"], np.uint8), name)
    return Listing(
        name=name,
        pictures=FilePictures(root=place, paths=tuple(index["paths"])),
        labels=np.array(index["labels"], np.int64),
        classes=tuple(index["classes"]),
        official=official,
        notes=(*index["notes"], *(notes if len(set(files.values())) > 1 else ())),
    )


@dataclass(frozen=True)
class _Columns:
    picture: str
    label: str
    names: tuple[str, ...] | None
    """Class names where labels are numbers that stand for them."""


def _write_out(files: Mapping[Path, int], name: str, folder: Path, progress: Progress) -> None:
    with parquet_reader(name) as parquet:
        opened = {path: parquet.ParquetFile(path) for path in sorted(files)}
        every = [_columns(file.schema_arrow, path) for path, file in opened.items()]
        index = _Index(_agreed(every, name), name, folder)
        total = sum(file.metadata.num_rows for file in opened.values())
        progress(_TASK, 0, total)
        for path, file in opened.items():
            for pictures, labels in _batches(file, index.columns):
                for picture, label in zip(pictures, labels, strict=True):
                    index.add(picture, label, files[path])
                progress(_TASK, index.seen, total)
    index.save()


class _Index:
    """What was written out so far."""

    def __init__(self, columns: _Columns, name: str, folder: Path) -> None:
        self.columns = columns
        self.name = name
        self.folder = folder
        self.seen = 0
        self.paths: list[str] = []
        self.labels: list[object] = []
        self.parts: list[int] = []
        for part in PARTS:
            (folder / part).mkdir()

    def add(self, picture: object, label: object, part: int) -> None:
        self.seen += 1
        # The hub marks the pictures of a competition's test part with -1.
        if label is None or label == -1:
            return
        content = _content(picture, f"row {self.seen} of {self.name}")
        relative = f"{PARTS[part]}/{len(self.paths):08d}{_suffix(content)}"
        (self.folder / relative).write_bytes(content)
        self.paths.append(relative)
        self.labels.append(label)
        self.parts.append(part)

    def save(self) -> None:
        numbers, classes = _numbered(self.labels, self.columns, self.name)
        left_out = self.seen - len(self.paths)
        notes = [f"Left out {left_out:,} pictures without a label."] if left_out else []
        found = {"paths": self.paths, "labels": numbers, "parts": self.parts}
        text = json.dumps({**found, "classes": classes, "notes": notes})
        (self.folder / _FILE).write_text(text, encoding="utf-8")


def _batches(file: Any, columns: _Columns) -> Iterator[tuple[list[Any], list[object]]]:
    names = [columns.picture, columns.label]
    for batch in file.iter_batches(batch_size=ROWS, columns=names):
        pictures, labels = (batch.column(name).to_pylist() for name in names)
        yield pictures, labels


def _content(picture: object, where: str) -> bytes:
    content = picture.get("bytes") if isinstance(picture, Mapping) else picture
    if isinstance(content, bytes):
        return content
    hint = "Only datasets with the pictures inside their Parquet files are read."
    raise DataError(f"picture in {where}", "is not in the file, only its path is", suggestion=hint)


def _suffix(content: bytes) -> str:
    return next((suffix for magic, suffix in _SUFFIXES if content.startswith(magic)), ".img")


def _numbered(
    labels: Sequence[object], columns: _Columns, name: str
) -> tuple[list[int], tuple[str, ...]]:
    if columns.names is None:
        texts = [str(label) for label in labels]
        classes = class_order(texts)
        place = {text: index for index, text in enumerate(classes)}
        return [place[text] for text in texts], classes
    numbers = [label for label in labels if isinstance(label, int)]
    bad = [label for label in labels if label not in range(len(columns.names))]
    if bad:
        rule = f"must be between 0 and {len(columns.names) - 1}"
        raise DataError(f"a label in {name}", rule, bad[0])
    return numbers, columns.names


def _columns(schema: Any, path: Path) -> _Columns:
    picture = _picture_column(schema)
    if picture is None:
        raise DataError(f"columns of {path}", "must hold pictures", list(schema.names))
    features = _features(schema)
    named = {
        column: tuple(map(str, feature["names"]))
        for column, feature in features.items()
        if feature.get("_type") == "ClassLabel" and feature.get("names")
    }
    candidates = [column for column in LABELS if column in schema.names] or list(named)
    if not candidates or (len(candidates) > 1 and candidates[0] not in LABELS):
        raise DataError(
            f"columns of {path}", f"must hold labels, in one called {' or '.join(LABELS)}",
            list(schema.names),
        )  # fmt: skip
    label = candidates[0]
    return _Columns(picture=picture, label=label, names=named.get(label))


def _agreed(every: Iterable[_Columns], name: str) -> _Columns:
    distinct = list(dict.fromkeys(every))
    if len(distinct) > 1:
        labels = [columns.names or columns.label for columns in distinct]
        raise DataError(f"files of {name}", "must agree on their columns and classes", labels)
    return distinct[0]


def _picture_column(schema: Any) -> str | None:
    """The column of `{bytes, path}`, or of bare bytes called image."""
    for field in schema:
        kind = str(field.type)
        if kind.startswith("struct<") and "bytes: binary" in kind:
            return str(field.name)
        if field.name in ("image", "img") and kind in ("binary", "large_binary"):
            return str(field.name)
    return None


def _features(schema: Any) -> dict[str, dict[str, Any]]:
    try:
        told = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {str(name): value for name, value in told.items() if isinstance(value, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
