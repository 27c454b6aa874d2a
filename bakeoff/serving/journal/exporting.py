"""Feedback with kept pictures as a labelled folder, which `bakeoff run` takes: the loop closes."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bakeoff.data.decode import header
from bakeoff.data.sources.naming import PART_NAMES
from bakeoff.serving.journal.pictures import Pictures
from bakeoff.serving.journal.reading import Said
from bakeoff.spec.errors import PictureError, UserError

__all__ = ["MANIFEST", "Exported", "export", "folder_name"]

MANIFEST = "manifest.csv"

_SUFFIXES = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
}
_UNSAFE = re.compile(r'[\x00-\x1f\x7f%/\\:*?"<>|]|^[. ]|[. ]$')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|thumbs\.db|desktop\.ini|__macosx)(\..*)?")
_LONGEST = 200
"""Bytes of a folder's name; systems take 255."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What became of the feedback."""

    pictures: int
    classes: dict[str, int]
    conflicts: int
    """Pictures of which people said different things; the most named class was taken, of equally
    often named ones the one that was named last."""

    unlabelled: int
    """Pictures of which it is only known what they are not."""

    not_kept: int
    broken: int
    renamed: dict[str, str]
    """Folders of classes whose names cannot be those of folders."""


@dataclass(frozen=True, slots=True)
class _Choice:
    sha256: str
    label: str
    votes: int
    against: int
    last: Said


def export(heard: Iterable[Said], pictures: Pictures, out: Path) -> Exported:
    """Write `OUT/<class>/<digest>.<ext>` and a manifest; whole or not at all."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        rule = "must be a new or an empty folder"
        raise UserError(f"folder {out}", rule, suggestion="Name another one.")
    made = out.with_name(f".{out.name}.{os.getpid()}.making")
    try:
        made.mkdir(parents=True)
        done = _fill(made, heard, pictures)
        with suppress(FileNotFoundError):
            out.rmdir()
        made.rename(out)
    except OSError as error:
        raise UserError(f"folder {out}", f"cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return done


def folder_name(label: str) -> str:
    """A class's name as a folder's: what a system would not take is written as %XX."""
    if not label:
        return "%"
    name = _UNSAFE.sub(lambda found: _percent(found[0]), label)
    if _RESERVED.fullmatch(name.casefold()) or name.casefold() in PART_NAMES:
        # Reserved by a system, or taken for a part of a split.
        name = _percent(name[0]) + name[1:]
    encoded = name.encode("utf-8", "replace")
    return encoded[:_LONGEST].decode("utf-8", "ignore")


def _percent(letter: str) -> str:
    return f"%{ord(letter):02X}"


def _fill(out: Path, heard: Iterable[Said], pictures: Pictures) -> Exported:
    chosen, unlabelled = _choose(heard)
    folders = _folders(sorted({one.label for one in chosen}))
    classes: Counter[str] = Counter()
    not_kept = broken = 0
    with (out / MANIFEST).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "predicted", "probability", "votes", "against", "at"))
        for one in chosen:
            source = pictures.path(one.sha256)
            if not source.is_file():
                not_kept += 1
                continue
            suffix = _suffix(source)
            if suffix is None:
                broken += 1
                continue
            path = out / folders[one.label] / f"{one.sha256}{suffix}"
            path.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, path)
            classes[one.label] += 1
            last = one.last
            facts = (last.predicted, f"{last.probability:.6f}", one.votes, one.against)
            rows.writerow((path.relative_to(out).as_posix(), one.label, *facts, last.at))
    return Exported(
        pictures=sum(classes.values()),
        classes=dict(sorted(classes.items())),
        conflicts=sum(one.against > 0 for one in chosen),
        unlabelled=unlabelled,
        not_kept=not_kept,
        broken=broken,
        renamed={label: folder for label, folder in folders.items() if folder != label},
    )


def _choose(heard: Iterable[Said]) -> tuple[list[_Choice], int]:
    """Of each picture the class most people named, and how many have none."""
    votes: dict[str, dict[str, list[Said]]] = {}
    for one in heard:
        by_label = votes.setdefault(one.sha256, {})
        if one.label is not None:
            by_label.setdefault(one.label, []).append(one)
    chosen = []
    for sha256, by_label in sorted(votes.items()):
        if not by_label:
            continue
        said = max(by_label.values(), key=lambda all_said: (len(all_said), all_said[-1].at))
        against = sum(map(len, by_label.values())) - len(said)
        chosen.append(_Choice(sha256, said[-1].label or "", len(said), against, said[-1]))
    return chosen, len(votes) - len(chosen)


def _folders(labels: Iterable[str]) -> Mapping[str, str]:
    """A folder for each class, also where a system does not tell capitals from small letters."""
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        base = name = folder_name(label)
        number = 2
        while name.casefold() in taken:
            name, number = f"{base}%{number}", number + 1
        taken.add(name.casefold())
        folders[label] = name
    return folders


def _suffix(path: Path) -> str | None:
    try:
        return _SUFFIXES.get(header(path).format)
    except PictureError:
        return None
