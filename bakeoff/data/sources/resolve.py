"""What a user types for a dataset, and the listing it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bakeoff.data.listing import Listing
from bakeoff.data.progress import Progress, silent
from bakeoff.data.sources.archive import ARCHIVE_SUFFIXES, is_archive_name, unpack
from bakeoff.data.sources.arrays import find_arrays
from bakeoff.data.sources.cifar import LAYOUTS, Layout, locate_batches, read_batches
from bakeoff.data.sources.digits import find_digits
from bakeoff.data.sources.embedded import find_embedded, holds_pictures
from bakeoff.data.sources.folder import find_class_folders, is_junk
from bakeoff.data.sources.hub import PREFIX, find_on_hub
from bakeoff.data.sources.manifest import find_manifest
from bakeoff.data.sources.naming import rename_classes
from bakeoff.data.sources.published import RELEASES, find_published
from bakeoff.spec.errors import DataError, nearest

__all__ = ["find", "names"]

_CIFAR_ARCHIVES = tuple(
    f"{folder}{suffix}"
    for folder in (
        *(layout.folder for layout in LAYOUTS), "cifar-10-python", "cifar-10-binary",
        "cifar-10-batches-py-target", "cifar-100-python-target",
    )
    for suffix in (".tar.gz", "_archive")
)  # fmt: skip
"""What the publisher, torchvision and Keras (old and new) call CIFAR's archives."""

_LONGEST_FIRST = tuple(sorted(ARCHIVE_SUFFIXES, key=len, reverse=True))


def names() -> tuple[str, ...]:
    """Datasets that have a name of their own."""
    return ("digits", *RELEASES)


def find(
    source: str | Path,
    *,
    classes: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Listing:
    """The pictures that `source` stands for, not yet looked at.

    `source` is a name (`names()`), `hf:owner/name`, or a path: a folder, an archive, a manifest or
    a `.npz`. `classes` renames classes, old name to new.
    """
    try:
        listing = _find(source, progress)
    except (PermissionError, FileNotFoundError, IsADirectoryError) as error:
        rule = f"cannot be read: {error.strerror}"
        raise DataError(f"{error.filename or source}", rule) from error
    if isinstance(source, str) and source in names() and Path(source).exists():
        note = f"This is the built-in {source}; what lies here under that name is ./{source}."
        listing = replace(listing, notes=(*listing.notes, note))
    return rename_classes(listing, classes) if classes else listing


def _find(source: str | Path, progress: Progress) -> Listing:
    if source == "digits":
        return find_digits()
    if isinstance(source, str) and source in RELEASES:
        return find_published(source, progress)
    if isinstance(source, str) and source.startswith(PREFIX):
        return find_on_hub(source, progress)
    if "://" in str(source):
        rule = "must be a name or a path, not an address"
        raise DataError("dataset", rule, str(source), "Download it and name the file.")
    if source == "":
        # As from a variable that is not set: it would mean the folder one happens to be in.
        raise DataError("dataset", "must not be empty", suggestion="Write . for this folder.")
    path = Path(source).expanduser()
    if path.is_dir():
        return _find_in_folder(path, path.resolve().name or "pictures", progress)
    if path.is_file():
        return _find_in_file(path, progress)
    if path.exists():
        raise DataError("dataset", "must be a folder or a file, no device or pipe", str(source))
    raise _unknown(str(source), path)


def _find_in_file(path: Path, progress: Progress) -> Listing:
    name = path.name.lower()
    if name.endswith(".parquet") and holds_pictures(path):
        status = path.stat()
        key = f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"
        return find_embedded({path: 0}, path.stem, key, progress)
    if name.endswith((".csv", ".tsv", ".parquet")):
        return find_manifest(path)
    if name.endswith(".npz"):
        return find_arrays(path)
    if is_archive_name(name):
        folder = unpack(path, progress)
        try:
            return _find_in_folder(folder, _stem(path.name), progress)
        except DataError as error:
            raise _in_archive(error, folder, path) from error
    known = (*ARCHIVE_SUFFIXES[:-1], ".csv", ".parquet", ".npz")
    raise DataError(
        f"file {path}", f"must be one of {', '.join(known)}", path.suffix or "without a suffix",
        "For pictures, name the folder that holds their class folders.",
    )  # fmt: skip


def _find_in_folder(folder: Path, name: str, progress: Progress) -> Listing:
    located = _locate_cifar(folder, progress)
    return read_batches(*located) if located else find_class_folders(folder, name)


def _locate_cifar(folder: Path, progress: Progress) -> tuple[Path, Layout] | None:
    """CIFAR's batch files, packed or not, in a folder or in the one folder in it."""
    found = locate_batches(folder)
    if not found:
        places = [folder / above / name for above in ("", "datasets") for name in _CIFAR_ARCHIVES]
        for archive in filter(Path.is_file, places):
            found += locate_batches(unpack(archive, progress))
    if not found:
        inner = [path for path in folder.iterdir() if not is_junk(path.name)]
        found = locate_batches(inner[0]) if len(inner) == 1 else []
    datasets = sorted({layout.dataset for _, layout in found})
    if len(datasets) > 1:
        hint = f"Name one of them: {', '.join(str(place) for place, _ in found)}."
        raise DataError(f"folder {folder}", "must hold one dataset", datasets, hint)
    return found[0] if found else None


def _stem(name: str) -> str:
    suffix = next(suffix for suffix in _LONGEST_FIRST if name.lower().endswith(suffix))
    return name[: -len(suffix)] or name


def _in_archive(error: DataError, folder: Path, archive: Path) -> DataError:
    """What is wrong is to be mended in the archive, not where it was unpacked to."""
    field, rule, suggestion = (
        text.replace(str(folder.resolve()), str(archive)).replace(str(folder), str(archive))
        for text in (error.field, error.rule, error.suggestion)
    )
    return DataError(field, rule, error.value, suggestion)


def _unknown(given: str, path: Path) -> DataError:
    """There is nothing of that name: say what is near."""
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    known = {name: name for name in names()}
    known |= {name: str(path.parent / name) for name in beside if not is_junk(name)}
    close = nearest(path.name, known)
    hint = f"Did you mean {known[close]!r}? " if close else ""
    return DataError(
        "dataset",
        "must be the path of a folder or file that exists, or a name",
        given,
        f"{hint}Names: {', '.join(names())}, hf:owner/name.",
    )
