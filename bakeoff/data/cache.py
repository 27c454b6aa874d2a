"""Where downloads, packs and scans are kept, and how they get there whole or not at all.

Everything in the cache can be deleted at any time; it is made again. A finished entry is a folder
that was renamed into place after it was written and fsynced, so a reader never sees half of one.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from bakeoff.spec.errors import CacheError

__all__ = ["cache_folder", "entry", "sync", "sync_one", "writing"]

ENVIRONMENT = "BAKEOFF_DATA"
_SYNCED_AT_ONCE = 16


def cache_folder() -> Path:
    """`$BAKEOFF_DATA`, else the user's cache folder."""
    if os.environ.get(ENVIRONMENT):
        return Path(os.environ[ENVIRONMENT]).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "bakeoff"


@contextmanager
def writing(what: str, path: Path, *, suggestion: str | None = None) -> Iterator[None]:
    """Turn the system's refusals while writing `what` at `path` into a `CacheError`."""
    try:
        yield
    except OSError as error:
        space = ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            space = "Free some space there, or "
            rule = "ran out of disk space while being written; nothing half-made was left behind"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            rule = "cannot be written: no permission, or a read-only disk"
        elif error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
            rule = "cannot be written: a file stands where a folder is needed"
        elif _is_of(error, path):
            rule = f"cannot be written: {(error.strerror or str(error)).lower()}"
        else:
            raise
        raise CacheError(
            f"{what} in {path}",
            rule,
            suggestion=suggestion
            or f"{space or 'You may '}set {ENVIRONMENT} to a folder on another disk.",
        ) from error


def _is_of(error: OSError, path: Path) -> bool:
    """Whether the system refused `path` itself, a folder above it, what is in it, or what is made
    beside it to take its name: and not something else that was looked at meanwhile."""
    if not isinstance(error.filename, str):
        return False
    refused, place = Path(error.filename).absolute(), path.absolute()
    if refused == place or refused in place.parents:
        return True
    inside = refused.parts[len(place.parent.parts) :]
    if not refused.is_relative_to(place.parent) or not inside:
        return False
    return inside[0] == place.name or inside[0].startswith(f".{place.name}.")


@contextmanager
def entry(path: Path, what: str) -> Iterator[Path | None]:
    """Make the cache entry `path` once, whoever asks first.

    Yields a fresh folder to fill when the entry is missing, or None when it is there already. The
    folder becomes the entry when the block ends without an error, and is removed otherwise. A
    second process waits for the first and then finds the entry made.
    """
    if path.is_dir():
        # No lock is needed to find it, nor could one be had in a read-only cache.
        yield None
        return
    with writing(what, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        lock.acquire()
    try:
        if path.is_dir():
            yield None
            return
        _remove_abandoned(path)
        made = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.making")
        try:
            with writing(what, path):
                made.mkdir()
                yield made
                sync(made)
                made.rename(path)
                sync_one(path.parent)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    finally:
        lock.release()


def sync_one(path: Path) -> None:
    """Have a file on the disk; or, of a folder, the names in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(folder: Path) -> None:
    """Have the disk hold all of `folder` before going on."""
    # Many at once, as a disk commits them together: one by one, each picture of an archive takes
    # some milliseconds, which is an hour for a million.
    with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
        for root, _, files in os.walk(folder):
            for _done in pool.map(sync_one, (Path(root, name) for name in (*files, "."))):
                pass


def _remove_abandoned(path: Path) -> None:
    # Only under the lock: whoever was making this entry is gone.
    for left in path.parent.glob(f".{path.name}.*.making"):
        shutil.rmtree(left, ignore_errors=True)
