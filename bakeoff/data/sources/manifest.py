"""A table of pictures: a row names a file and its class, and maybe its part and its group."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from bakeoff.data.listing import PARTS, FilePictures, Listing
from bakeoff.data.sources.naming import PART_NAMES, encode_labels, official_parts
from bakeoff.data.sources.parquet import parquet_reader
from bakeoff.spec.errors import DataError, one_of

__all__ = ["COLUMNS", "find_manifest"]

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "path": ("path", "image", "file", "filename"),
        "label": ("label", "class"),
        "split": ("split",),
        "group": ("group",),
    }
)
"""The columns that count, and what each may be called; the first one found is taken."""

DELIMITERS = ",;\t"
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_ABSOLUTE = re.compile(r"^(/|[A-Za-z]:)")


def find_manifest(path: Path) -> Listing:
    """The pictures that a `.csv` or `.parquet` names, by path; whether they exist is not asked."""
    is_parquet = path.suffix.lower() == ".parquet"
    header, rows = _read_parquet(path) if is_parquet else _read_csv(path)
    columns = _columns(header, path)
    found = _distinct((_row(cells, columns, n, path) for n, cells in rows), path)
    if not found:
        raise DataError(f"manifest {path}", "has a header and no rows")
    labels, classes = encode_labels(row.label for row in found)
    official, notes = None, _unused(header, columns)
    if "split" in columns:
        parts = np.array([row.part for row in found], np.uint8)
        official, more = official_parts(parts, str(path.name))
        notes += more
    return Listing(
        name=path.stem,
        pictures=FilePictures(root=path.parent.resolve(), paths=tuple(row.path for row in found)),
        labels=labels,
        classes=classes,
        official=official,
        groups=_groups(found) if "group" in columns else None,
        notes=notes,
    )


@dataclass(frozen=True)
class _Row:
    number: int
    path: str
    label: str
    part: int
    group: str

    def means(self) -> tuple[str, int, str]:
        return self.label, self.part, self.group


def _read_csv(path: Path) -> tuple[list[str], Iterator[tuple[int, Sequence[str]]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        rule = f"must be UTF-8 (byte {error.start} is not)"
        raise DataError(f"manifest {path}", rule, suggestion="Save it again as UTF-8.") from error
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    lines = io.StringIO(text, newline="")
    numbered = _numbered(csv.reader(lines, delimiter=delimiter, strict=True), path)
    header = next(numbered, (0, []))[1]
    return [name.strip() for name in header], numbered


def _numbered(reader: Iterable[list[str]], path: Path) -> Iterator[tuple[int, list[str]]]:
    number = 0
    rows = iter(reader)
    while True:
        number += 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"row {number} of {path}", f"is not CSV: {error}") from error
        if any(cell.strip() for cell in cells):
            yield number, cells


def _read_parquet(path: Path) -> tuple[list[str], Iterator[tuple[int, Sequence[str]]]]:
    with parquet_reader(path) as parquet:
        header = [str(name) for name in parquet.read_schema(path).names]
        names = [header[place] for place in _columns(header, path).values()]
        table = parquet.read_table(path, columns=names)
        cells = {name: table.column(name).to_pylist() for name in names}
    blank = [""] * table.num_rows
    full = zip(*(cells.get(name, blank) for name in header), strict=True)
    rows = ((n, ["" if c is None else str(c) for c in row]) for n, row in enumerate(full, start=1))
    return header, rows


def _columns(header: Sequence[str], path: Path) -> dict[str, int]:
    """Where in a row each column stands."""
    folded = [name.casefold() for name in header]
    found = {
        column: folded.index(name)
        for column, names in COLUMNS.items()
        if (name := next((name for name in names if name in folded), None)) is not None
    }
    missing = [column for column in ("path", "label") if column not in found]
    if missing:
        raise DataError(
            f"header of {path}",
            f"must have a column for the {missing[0]}, called {' or '.join(COLUMNS[missing[0]])}",
            list(header),
            "The columns are path (or image, file, filename), label (or class), and if wanted "
            "split and group; commas, semicolons or tabs between them.",
        )
    return found


def _row(cells: Sequence[str], columns: Mapping[str, int], number: int, path: Path) -> _Row:
    where = f"row {number} of {path}"
    if len(cells) <= max(columns.values()):
        rule = f"must have {max(columns.values()) + 1} cells or more"
        raise DataError(where, rule, len(cells), "Is a delimiter missing, or a quote?")
    cell = {column: cells[place].strip() for column, place in columns.items()}
    if not cell["label"]:
        raise DataError(f"label in {where}", "must not be empty")
    part = cell.get("split", "train")
    if part.casefold() not in PART_NAMES:
        hint = one_of(part, PART_NAMES)
        raise DataError(f"split in {where}", "must be a part of a split", part, hint)
    return _Row(
        number=number,
        path=_relative(cell["path"], where),
        label=cell["label"],
        part=PART_NAMES[part.casefold()],
        group=cell.get("group", ""),
    )


def _relative(given: str, where: str) -> str:
    """A path as `Listing` keeps it: from the manifest's folder, never out of it."""
    field, hint = f"path in {where}", "Paths are relative to the manifest's folder."
    if not given:
        raise DataError(field, "must not be empty")
    if _URL.match(given):
        hint = f"Download the picture first. {hint}"
        raise DataError(field, "must be a file, not an address", given, hint)
    forward = given.replace("\\", "/")
    if _ABSOLUTE.match(forward):
        raise DataError(field, "must not be absolute", given, hint)
    path = posixpath.normpath(forward)
    if path == ".." or path.startswith("../"):
        raise DataError(field, "must not climb out of the manifest's folder", given, hint)
    return path


def _distinct(rows: Iterable[_Row], path: Path) -> list[_Row]:
    """Rows by path, each path once."""
    known: dict[str, _Row] = {}
    for row in rows:
        first = known.setdefault(row.path, row)
        if first.means() != row.means():
            raise DataError(
                f"{row.path!r} in {path}",
                f"must mean the same wherever it is named: row {first.number} says "
                f"{_told(first)}, row {row.number} {_told(row)}",
                suggestion="Keep one of the rows.",
            )
    return [known[key] for key in sorted(known)]


def _told(row: _Row) -> str:
    more = f", group {row.group!r}" if row.group else ""
    return f"{row.label!r}, split {PARTS[row.part]!r}{more}"


def _groups(rows: Sequence[_Row]) -> npt.NDArray[np.int64]:
    """A number for each group; a picture without one is a group of its own."""
    numbers: dict[object, int] = {}
    keys = [row.group or row.number for row in rows]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _unused(header: Sequence[str], columns: Mapping[str, int]) -> tuple[str, ...]:
    unused = [name for place, name in enumerate(header) if place not in columns.values() and name]
    return (f"Columns not used: {', '.join(unused)}.",) if unused else ()
