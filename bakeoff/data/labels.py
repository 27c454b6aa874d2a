"""Labels that a person looked at again: a table of corrections that a dataset takes back.

Parts were cut by the labels as they came, and stay so: a corrected picture keeps its place, or a
test picture could become a training picture by being corrected. Dropped pictures are in no part.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bakeoff.data.listing import Listing
from bakeoff.data.splits import Split
from bakeoff.spec.errors import DataError, one_of

__all__ = [
    "COLUMNS",
    "DROP",
    "Correction",
    "Corrections",
    "Proposal",
    "corrected",
    "matched",
    "read",
    "table",
]

COLUMNS = ("name", "given", "suggested", "label", "score")
"""Of the table; `suggested` and `score` are for people and are not read."""

DROP = "-"
"""Stands for a label where the picture is to go, because no class is right."""

_READ = ("name", "given", "label")
_DELIMITERS = ",;\t"


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """A row: what a person said of one picture."""

    line: int
    name: str
    given: str
    label: str
    """The right class, `DROP`, or nothing as long as nobody has decided."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A row for a person to decide on."""

    name: str
    given: str
    suggested: str
    score: float
    label: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Corrections:
    """What a table says of the pictures of one listing, in the listing's order."""

    source: str
    """The table's file name."""

    labels: npt.NDArray[np.int64]
    kept: npt.NDArray[np.bool_]
    changed: int
    dropped: int
    confirmed: int
    undecided: int

    def applied(self, split: Split) -> Split:
        """The split without the dropped pictures; everyone else stays where they were."""
        parts = {name: part[self.kept[part]] for name, part in split.parts().items()}
        for name, part in parts.items():
            if not len(part):
                rule = f"would be empty: {self.source} drops all its pictures"
                raise DataError(f"the {name} part", rule, suggestion="Keep some of them.")
        return Split(**parts)

    @property
    def note(self) -> str:
        """What came of it, in a sentence."""
        changed = "1 label" if self.changed == 1 else f"{self.changed:,} labels"
        dropped = "1 picture" if self.dropped == 1 else f"{self.dropped:,} pictures"
        return (
            f"{self.source}: {changed} changed, {dropped} dropped, {self.confirmed:,} confirmed, "
            f"{self.undecided:,} undecided and left as given."
        )


def table(rows: Iterable[Proposal]) -> str:
    """The table as CSV, to be filled in and read back."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([row.name, row.given, row.suggested, row.label, f"{row.score:.4f}"])
    return text.getvalue()


def read(path: Path) -> tuple[Correction, ...]:
    """The rows of a table, each picture once."""
    known: dict[str, Correction] = {}
    for row in _rows(path):
        first = known.setdefault(row.name, row)
        if first is not row:
            raise DataError(
                f"line {row.line} of {path}",
                f"must not name a picture again that line {first.line} names",
                row.name,
                "Keep one of the two.",
            )
    return tuple(known.values())


def matched(rows: Iterable[Correction], listing: Listing, path: Path) -> Mapping[str, Correction]:
    """The rows by name, once all of them are known to speak of this listing."""
    if DROP in listing.classes:
        rule = f"must not be called {DROP!r}, as that stands for dropping a picture in {path}"
        raise DataError("a class", rule, suggestion="Give it another name with --classes.")
    places = {listing.pictures.name(place): place for place in range(len(listing))}
    found = {}
    for row in rows:
        if row.name not in places:
            raise DataError(
                f"name in line {row.line} of {path}",
                f"must be that of a picture of {listing.name}",
                row.name,
                "Names are as they were written into the table: is it of another dataset?",
            )
        has = listing.classes[listing.labels[places[row.name]]]
        if row.given != has:
            raise DataError(
                f"given in line {row.line} of {path}",
                f"must be the label that {row.name!r} has now, {has!r}",
                row.given,
                "The dataset has changed since the table was written, or classes were called "
                "otherwise. Take the row out, or look at the picture again.",
            )
        if row.label not in ("", DROP, *listing.classes):
            raise DataError(
                f"label in line {row.line} of {path}",
                f"must be a class of {listing.name}, {DROP!r} to drop the picture, or empty",
                row.label,
                one_of(row.label, listing.classes),
            )
        found[row.name] = row
    return found


def corrected(rows: Mapping[str, Correction], listing: Listing, path: Path) -> Corrections:
    """What the rows make of the listing's labels. Rows of pictures that are not in it any more,
    because they are broken, change nothing."""
    labels, kept = listing.labels.copy(), np.ones(len(listing), np.bool_)
    numbers = {name: number for number, name in enumerate(listing.classes)}
    undecided = confirmed = 0
    for place in range(len(listing)):
        row = rows.get(listing.pictures.name(place))
        if row is None:
            continue
        undecided += row.label == ""
        confirmed += row.label == row.given
        kept[place] = row.label != DROP
        labels[place] = numbers.get(row.label, labels[place])
    counts = np.bincount(labels[kept], minlength=len(listing.classes))
    for name, count in zip(listing.classes, counts.tolist(), strict=True):
        if count == 0:
            rule = f"would have no pictures left with the corrections of {path}"
            raise DataError(f"class {name!r}", rule, suggestion="Leave it one at least.")
    labels.flags.writeable = False
    return Corrections(
        source=path.name,
        labels=labels,
        kept=kept,
        changed=int((labels != listing.labels).sum()),
        dropped=int((~kept).sum()),
        confirmed=confirmed,
        undecided=undecided,
    )


def _rows(path: Path) -> Iterator[Correction]:
    lines = csv.reader(io.StringIO(text := _text(path), newline=""), _dialect(text), strict=True)
    places: dict[str, int] | None = None
    try:
        for cells in lines:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if places is None:
                places = _columns(cells, path)
                continue
            line = lines.line_num
            if len(cells) <= max(places.values()):
                rule = f"must have {max(places.values()) + 1} cells or more"
                hint = "Is a delimiter missing, or a quote?"
                raise DataError(f"line {line} of {path}", rule, len(cells), hint)
            yield Correction(line=line, **{name: cells[place] for name, place in places.items()})
    except csv.Error as error:
        raise DataError(f"line {lines.line_num} of {path}", f"is not CSV: {error}") from error
    if places is None:
        _columns([], path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        rule = f"cannot be read: {error.strerror}"
        raise DataError(f"labels {path}", rule, suggestion="Check the path.") from error
    except UnicodeDecodeError as error:
        rule = f"must be UTF-8 (byte {error.start} is not)"
        raise DataError(f"labels {path}", rule, suggestion="Save it again as UTF-8.") from error


def _dialect(text: str) -> type[csv.Dialect]:
    first = text.lstrip().partition("\n")[0]

    class Found(csv.excel):
        # Spreadsheets save with semicolons where a comma is the decimal sign.
        delimiter = max(_DELIMITERS, key=first.count)

    return Found


def _columns(header: list[str], path: Path) -> dict[str, int]:
    folded = [name.casefold() for name in header]
    missing = [name for name in _READ if name not in folded]
    if missing:
        raise DataError(
            f"header of {path}",
            f"must have a column called {missing[0]}",
            header,
            f"The columns are {', '.join(COLUMNS)}; suggested and score may be missing.",
        )
    return {name: folded.index(name) for name in _READ}
