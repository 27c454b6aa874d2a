"""A folder of class folders, with or without train/, val/ and test/ above them."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from bakeoff.data.listing import PARTS, FilePictures, Listing
from bakeoff.data.sources.naming import PART_NAMES, encode_labels
from bakeoff.spec.errors import DataError

__all__ = ["PICTURE_SUFFIXES", "find_class_folders", "is_junk"]

PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff",
)  # fmt: skip
JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_LAYOUT = "Put the pictures of each class into a folder of their own: photos/cat, photos/dog."


def find_class_folders(root: Path, name: str) -> Listing:
    """Each folder in `root` is a class; pictures further down count for it."""
    root = root.resolve()
    tree = _Tree(root)
    top = _look_through(tree, root)
    folders = _part_folders(top, root)
    if folders is None:
        found = _classes_below(tree, top)
        _check_some(found, top)
        parts = None
    else:
        tree.leave_out(top, tree.entries(top)[1])
        by_part = {part: _classes_below(tree, folder) for part, folder in folders.items()}
        _check_same_classes(by_part, folders)
        found = [item for items in by_part.values() for item in items]
        parts = {path: part for part, items in by_part.items() for path, _ in items}
    found.sort()
    labels, classes = encode_labels(label for _, label in found)
    official = None if parts is None else np.array([parts[path] for path, _ in found], np.uint8)
    return Listing(
        name=name,
        pictures=FilePictures(root=root, paths=tuple(path for path, _ in found)),
        labels=labels,
        classes=classes,
        official=official,
        notes=(*tree.notes(top), *_part_like(classes)),
    )


def is_junk(name: str) -> bool:
    """Hidden files and what systems leave lying about."""
    return name.startswith(".") or name.casefold() in JUNK


@dataclass
class _Tree:
    """Walks below one root, and remembers what it left out."""

    root: Path
    others: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)

    def entries(self, folder: Path) -> tuple[list[str], list[str]]:
        """Names of the folders in `folder` and of the files in it, both sorted."""
        folders: list[str] = []
        files: list[str] = []
        with os.scandir(folder) as found:
            for entry in found:
                if is_junk(entry.name):
                    continue
                if entry.is_symlink():
                    self._take_link(Path(entry.path))
                    continue
                _check_text(entry.name, folder)
                (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        return sorted(folders), sorted(files)

    def pictures(self, folder: Path) -> Iterator[str]:
        """Pictures in `folder` and below it, relative to the root."""
        folders, files = self.entries(folder)
        yield from self._only_pictures(folder, files)
        for name in folders:
            yield from self.pictures(folder / name)

    def leave_out(self, folder: Path, files: list[str]) -> None:
        """Pictures beside class folders belong to no class."""
        self.loose.extend(self._only_pictures(folder, files))

    def notes(self, top: Path) -> tuple[str, ...]:
        notes = []
        if top != self.root:
            notes.append(f"Classes are looked for in {self._relative(top)}, the only folder.")
        if self.loose:
            notes.append(
                f"Left out {_count(len(self.loose), 'picture')} that lie in no class folder, "
                f"such as {min(self.loose)}."
            )
        if self.others:
            kinds = ", ".join(sorted(self.others))
            notes.append(
                f"Left out {_count(sum(self.others.values()), 'file')} that are not pictures by "
                f"their names ({kinds})."
            )
        if self.links:
            notes.append(
                f"Left out {_count(len(self.links), 'link')}, such as {min(self.links)}: pictures "
                "count where they lie, not where links show them."
            )
        return tuple(notes)

    def _only_pictures(self, folder: Path, files: list[str]) -> Iterator[str]:
        below = self._relative(folder)
        for name in files:
            suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path each is slow
            if suffix in PICTURE_SUFFIXES:
                yield f"{below}/{name}" if below else name
            else:
                self.others[suffix or "no suffix"] += 1

    def _take_link(self, link: Path) -> None:
        # Unlike Path.resolve, this takes a link to itself calmly.
        target = Path(os.path.realpath(link))
        if not target.is_relative_to(self.root):
            raise DataError(
                f"link {link}", f"leads out of {self.root}",
                str(link.readlink()),
                "Put the pictures themselves there, or name the folder it leads to.",
            )  # fmt: skip
        if not os.path.lexists(target):
            raise DataError(
                f"link {link}", f"leads to {target}, where there is nothing",
                suggestion="Put the picture itself there, or take the link away.",
            )  # fmt: skip
        self.links.append(self._relative(link))

    def _relative(self, path: Path) -> str:
        below = path.relative_to(self.root).as_posix()
        return "" if below == "." else below


def _look_through(tree: _Tree, root: Path) -> Path:
    """Descend while there is one folder only, which holds folders only: a wrapper, no class."""
    top = root
    while True:
        probe = _Tree(tree.root)
        folders, files = probe.entries(top)
        if len(folders) != 1 or any(probe._only_pictures(top, files)):
            return top
        inner = top / folders[0]
        below, inner_files = probe.entries(inner)
        if not below or any(probe._only_pictures(inner, inner_files)):
            return top
        top = inner


def _part_folders(top: Path, root: Path) -> dict[int, Path] | None:
    """The folders of an official split by part, if that is what `top` holds."""
    folders, _ = _Tree(root).entries(top)
    named: dict[int, list[str]] = {}
    for name in folders:
        if name.casefold() in PART_NAMES:
            named.setdefault(PART_NAMES[name.casefold()], []).append(name)
    if len(named) < 2:
        return None
    twice = next((names for names in named.values() if len(names) > 1), None)
    if twice is not None:
        rule = "mean the same part of a split"
        raise DataError(f"folders {' and '.join(twice)} in {top}", rule, suggestion="Keep one.")
    others = [name for name in folders if name.casefold() not in PART_NAMES]
    if others:
        raise DataError(
            f"folders in {top}", "must be parts of a split or classes, not both", folders,
            f"Move {', '.join(others[:3])} elsewhere, or the parts.",
        )  # fmt: skip
    if PARTS.index("train") not in named:
        raise DataError(f"split in {top}", "must have a folder train", folders)
    return {part: top / named[part][0] for part in sorted(named)}


def _part_like(classes: tuple[str, ...]) -> tuple[str, ...]:
    names = [name for name in classes if name.casefold() in PART_NAMES]
    return tuple(f"Folder {name!r} is taken for a class, not for a part." for name in names)


def _classes_below(tree: _Tree, top: Path) -> list[tuple[str, str]]:
    """Path and class of each picture in the class folders in `top`."""
    folders, files = tree.entries(top)
    tree.leave_out(top, files)
    found = []
    for name in folders:
        label = unicodedata.normalize("NFC", name)
        before = sum(tree.others.values())
        pictures = list(tree.pictures(top / name))
        if not pictures:
            others = sum(tree.others.values()) - before
            raise DataError(
                f"class folder {top / name}",
                "holds no pictures" + (f", only {_count(others, 'other file')}" if others else ""),
                suggestion="Put some in (" + ", ".join(PICTURE_SUFFIXES) + "), or take it away.",
            )
        found += [(path, label) for path in pictures]
    return found


def _check_some(found: list[tuple[str, str]], top: Path) -> None:
    if found:
        return
    names = sorted(path.name for path in top.iterdir() if not is_junk(path.name))
    manifests = [name for name in names if name.lower().endswith((".csv", ".parquet", ".npz"))]
    if manifests:
        hint = f"If {manifests[0]} says which picture is what, name it: {top / manifests[0]}"
    elif any(PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES for name in names):
        hint = f"The pictures in it belong to no class. {_LAYOUT}"
    else:
        hint = _LAYOUT
    raise DataError(f"folder {top}", "holds no class folders", suggestion=hint)


def _check_same_classes(
    by_part: Mapping[int, list[tuple[str, str]]], folders: Mapping[int, Path]
) -> None:
    classes = {part: {label for _, label in found} for part, found in by_part.items()}
    train = classes[PARTS.index("train")]
    for part, here in classes.items():
        if here == train:
            continue
        lacking, extra = sorted(train - here), sorted(here - train)
        differences = [f"lacks {', '.join(lacking)}"] if lacking else []
        differences += [f"has {', '.join(extra)}, unknown in training"] if extra else []
        raise DataError(
            f"classes in {folders[part]}",
            "must be those of the training folder: it " + " and ".join(differences),
            suggestion="Name the folders alike, or take the part away.",
        )


def _check_text(name: str, folder: Path) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        rule = "must be UTF-8, or it means something else on another system"
        raise DataError(f"file name in {folder}", rule, name, "Rename it.") from error


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
