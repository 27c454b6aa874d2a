"""How classes and parts are called: their order, their renaming, the words for parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from bakeoff.data.listing import PARTS, Listing
from bakeoff.spec.errors import DataError, nearest, one_of

__all__ = [
    "PART_NAMES",
    "class_order",
    "encode_labels",
    "official_parts",
    "read_class_names",
    "rename_classes",
]

PART_NAMES: Mapping[str, int] = MappingProxyType(
    {
        "train": PARTS.index("train"),
        "training": PARTS.index("train"),
        "val": PARTS.index("val"),
        "valid": PARTS.index("val"),
        "validation": PARTS.index("val"),
        "test": PARTS.index("test"),
        "testing": PARTS.index("test"),
    }
)
"""What people call the parts of a split, in lower case, and the place of each in `PARTS`."""


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Class names by code points; by value where all of them are whole numbers (2 before 10)."""
    distinct = set(names)
    if all(name.isascii() and name.isdigit() for name in distinct):
        return tuple(sorted(distinct, key=lambda name: (int(name), name)))
    return tuple(sorted(distinct))


def encode_labels(names: Iterable[str]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Each class name as its place among all of them, and all of them."""
    given = list(names)
    classes = class_order(given)
    place = {name: index for index, name in enumerate(classes)}
    return np.array([place[name] for name in given], np.int64), classes


def official_parts(
    parts: npt.NDArray[np.uint8], where: str
) -> tuple[npt.NDArray[np.uint8] | None, tuple[str, ...]]:
    """The official split that `parts` describe, and a note where they describe none."""
    found = [PARTS[part] for part in np.unique(parts)]
    if len(found) == 1:
        return None, (f"All pictures of {where} are marked {found[0]!r}: there is no split in it.",)
    if found and "train" not in found:
        raise DataError(
            f"split of {where}", "must have a part for training", found, "Mark some as 'train'."
        )
    return parts, ()


def rename_classes(listing: Listing, names: Mapping[str, str]) -> Listing:
    """Call classes what `names` says; two classes given one name become one, with a note.

    A class that `names` leaves out keeps its name. Classes keep their order, so that a class is
    the same number under either name.
    """
    for old, new in names.items():
        if old not in listing.classes:
            raise DataError(
                f"class {old!r} in the class names", f"is not a class of {listing.name}",
                suggestion=one_of(old, listing.classes),
            )  # fmt: skip
        if not new.strip():
            raise DataError(f"new name of class {old!r}", "must not be empty", new)
    renamed = [names.get(old, old) for old in listing.classes]
    classes = tuple(dict.fromkeys(renamed))
    place = np.array([classes.index(new) for new in renamed], np.int64)
    merged: dict[str, list[str]] = {}
    for old, new in zip(listing.classes, renamed, strict=True):
        merged.setdefault(new, []).append(old)
    notes = [
        f"Classes {', '.join(olds)} were merged into {new!r}."
        for new, olds in merged.items()
        if len(olds) > 1
    ]
    return replace(
        listing,
        classes=classes,
        labels=place[listing.labels],
        notes=(*listing.notes, *notes),
    )


def read_class_names(path: str | Path) -> dict[str, str]:
    """A JSON file of `{"old name": "new name"}`, as `--classes` takes it."""
    path = Path(path)
    example = 'It must hold one object of texts, such as {"cane": "dog", "gatto": "cat"}.'
    try:
        pairs = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_Pairs)
    except OSError as error:
        close = nearest(path.name, [p.name for p in path.parent.glob("*.json")])
        hint = f"Did you mean {str(path.with_name(close))!r}?" if close else "Check the path."
        rule = f"cannot be read: {error.strerror}"
        raise DataError(f"class names in {path}", rule, suggestion=hint) from error
    except ValueError as error:
        raise DataError(
            f"class names in {path}", f"are not JSON: {error}", suggestion=example
        ) from error
    if not isinstance(pairs, _Pairs):
        raise DataError(f"class names in {path}", "must be an object", suggestion=example)
    names: dict[str, str] = {}
    for old, new in pairs:
        if not isinstance(new, str):
            raise DataError(f"class {old!r} in {path}", "must be given a text", new, example)
        if names.setdefault(old, new) != new:
            rule = "is given two new names"
            raise DataError(f"class {old!r} in {path}", rule, suggestion="Keep one of them.")
    return names


class _Pairs(list[tuple[str, object]]):
    """The members of a JSON object, a repeated name included."""
