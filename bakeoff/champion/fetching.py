"""A champion behind a URL: fetched into the cache, and verified before it is one there.

Of a folder the manifest is read first. What it lists is fetched and nothing else, and what lies in
the cache already is fetched no more. One file is fetched whole each time, as a URL says nothing of
what is behind it, and unpacked once.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from bakeoff.champion import archive, manifest
from bakeoff.champion.place import FOLDER, placed
from bakeoff.data.cache import cache_folder, entry, writing
from bakeoff.data.remote import Remote, remote, url_of
from bakeoff.spec.errors import DataError

__all__ = ["here"]


def here(path: str | Path | None) -> Path:
    """The path that is meant by what a person wrote: that of the copy on this disk where it was a
    URL."""
    url = url_of(path)
    return placed(path) if url is None else _fetched(remote(url))


def _fetched(place: Remote) -> Path:
    if place.name.endswith(archive.SUFFIX):
        return _file(place)
    for below in ("", f"{FOLDER}/"):
        if place.has(below + manifest.FILE):
            return _folder(place, below)
    if place.has():
        return _file(place)
    raise DataError(
        f"the champion {place.name}",
        f"is not there, or may not be read: neither a {archive.SUFFIX} file nor a folder with a "
        f"{manifest.FILE}",
        suggestion="Look at the URL, and at whether what it names was written whole.",
    )


def _folder(place: Remote, below: str) -> Path:
    content = place.read(below + manifest.FILE)
    signed = place.has(below + manifest.SIGNATURE)
    signature = place.read(below + manifest.SIGNATURE) if signed else b""
    name = place.shown(below.rstrip("/"))
    # A signature may be given later, and is no part of what it signs.
    key = hashlib.sha256(b"%d %b%b" % (len(content), content, signature)).hexdigest()
    folder = cache_folder() / "champions" / f"fetched-{key}"
    if folder.is_dir():
        try:
            manifest.verify(folder, name)
        except DataError:
            # What is wrong lies in the cache.
            shutil.rmtree(folder, ignore_errors=True)
    with entry(folder, "the fetched champion") as made:
        if made is not None:
            (made / manifest.FILE).write_bytes(content)
            if signed:
                (made / manifest.SIGNATURE).write_bytes(signature)
            for path, (_, size) in manifest.entries(content, name).items():
                target = made / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    place.fetch(below + path, file, most=size)
            # What does not hold together never becomes an entry.
            manifest.verify(made, name)
    return folder


def _file(place: Remote) -> Path:
    folder = cache_folder() / "champions"
    path = folder / f".fetched-{hashlib.sha256(place.name.encode()).hexdigest()[:32]}"
    with writing("the fetched champion", folder):
        folder.mkdir(parents=True, exist_ok=True)
        # One at a time, and in the place of what somebody left who was killed.
        with FileLock(path.with_name(f"{path.name}.lock")):
            try:
                with path.open("wb") as file:
                    place.fetch("", file)
                with _called(path, place.name):
                    return archive.unpacked(path)[0]
            finally:
                path.unlink(missing_ok=True)


@contextmanager
def _called(path: Path, name: str) -> Iterator[None]:
    """Errors about `path` are about what a person knows by another name."""
    try:
        yield
    except DataError as error:
        field = error.field.replace(str(path), name)
        raise DataError(field, error.rule, error.value, error.suggestion) from None
