"""manifest.json: every file of a champion with its size and SHA-256. Written last, read first.

What systems put into folders by themselves (`.DS_Store`, `Thumbs.db`, `desktop.ini`, `._*`) is
passed over: it is never listed, packed or read. All else that was added is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.spec.errors import DataError

__all__ = [
    "AGAIN",
    "FILE",
    "NEEDED",
    "SCHEMA",
    "SIGNATURE",
    "Manifest",
    "entries",
    "escapes",
    "is_litter",
    "verify",
    "write",
]

FILE = "manifest.json"
SIGNATURE = "signature.json"
"""The one file that comes later, and is not listed."""

SCHEMA = 1
NEEDED = ("champion.json", "recipe.json", "weights.safetensors", "goldens/goldens.json")
"""Without these there is nothing to open."""

AGAIN = "Make the champion again, or get it again from where it came from."
"""The way out wherever a champion is not what was written."""

_LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The files of a champion, as they are known to be."""

    digest: str
    """SHA-256 of manifest.json itself: of all that the champion is."""

    files: Mapping[str, int]
    """Size of each, by its path in the folder."""


def write(folder: Path, needed: Iterable[str] = NEEDED) -> Manifest:
    """List all that lies in `folder`. The last file of a champion to be written."""
    names = sorted(name for name in _found(folder, str(folder)) if name not in (FILE, SIGNATURE))
    missing = [name for name in needed if name not in names]
    assert not missing, missing
    files = {
        name: {"sha256": _digest(folder / name), "bytes": (folder / name).stat().st_size}
        for name in names
    }
    told = {"schema": SCHEMA, "kind": "manifest", "files": files}
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    (folder / FILE).write_bytes(text.encode())
    return Manifest(
        digest=hashlib.sha256(text.encode()).hexdigest(),
        files={name: int(str(one["bytes"])) for name, one in files.items()},
    )


def verify(folder: Path, name: str = "") -> Manifest:
    """The manifest, once every file is known to be what it says, and none is missing or foreign.

    `name` is what the champion is called in errors, where it is not known by its folder.
    """
    name = name or str(folder)
    content = _content(folder, name)
    listed = entries(content, name)
    found = set(_found(folder, name))
    foreign = sorted(found - listed.keys() - {FILE, SIGNATURE})
    for path in sorted({*NEEDED, *listed}):
        if path not in found:
            rule = _missing(folder, listed.get(path), foreign)
            raise DataError(f"{path} of {name}", rule, suggestion=AGAIN)
        if path not in listed:
            raise DataError(f"{path} of {name}", f"is not listed in {FILE}", suggestion=AGAIN)
    for path in foreign:
        raise DataError(f"{path} of {name}", _FOREIGN, suggestion="Remove that file.")
    for path, (sha256, size) in listed.items():
        _check(folder, path, name, sha256, size)
    return Manifest(
        digest=hashlib.sha256(content).hexdigest(),
        files={path: size for path, (_, size) in listed.items()},
    )


def is_litter(path: str) -> bool:
    """Whether a file is one of those that systems leave in folders, by its name."""
    last = path.rpartition("/")[2]
    return last.startswith("._") or last.casefold() in _LITTER


def escapes(path: str) -> bool:
    """Whether a path is anything but a plain way down from a folder, on any system."""
    parts = path.split("/")
    strange = re.search(r'[\x00-\x1f\\:*?"<>|]', path)
    return bool(strange) or any(part in ("", ".", "..") for part in parts)


_FOREIGN = "does not belong to the champion: nothing may be added to what was sealed"


def _missing(folder: Path, wanted: tuple[str, int] | None, foreign: Iterable[str]) -> str:
    """What is said of a file that is not there: whether it is there by another name."""
    for path in foreign:
        if wanted is None or (folder / path).stat().st_size != wanted[1]:
            continue
        if _digest(folder / path) == wanted[0]:
            return f"is missing, and {path} has its bytes: the file or its entry in {FILE} changed"
    return "is missing"


def _content(folder: Path, name: str) -> bytes:
    try:
        return (folder / FILE).read_bytes()
    except OSError:
        raise DataError(f"{FILE} of {name}", "is missing", suggestion=AGAIN) from None


def entries(content: bytes, name: str) -> dict[str, tuple[str, int]]:
    """SHA-256 and size by path: what the bytes of a manifest say."""
    try:
        told = json.loads(content)
        schema = told["schema"]
        if schema == SCHEMA and told["kind"] == "manifest":
            return {path: _facts(path, one, name) for path, one in told["files"].items()}
        rule = "is not what was written: it is no manifest of a champion"
    except (ValueError, RecursionError):
        schema, rule = None, "is not what was written: it is not valid JSON"
    except (KeyError, TypeError, AttributeError):
        schema, rule = None, "is not what was written: it is no manifest of a champion"
    suggestion = AGAIN
    if isinstance(schema, int) and schema > SCHEMA:
        rule = f"is of schema {schema}, and this Bakeoff reads up to {SCHEMA}"
        suggestion = "Use the Bakeoff that wrote it."
    raise DataError(f"{FILE} of {name}", rule, suggestion=suggestion)


def _facts(path: str, one: Any, name: str) -> tuple[str, int]:
    """SHA-256 and size in an entry, which has these and nothing else."""
    if escapes(path):
        rule = "lists a file that would lie outside of the champion"
        raise DataError(f"{FILE} of {name}", f"{rule} ({path!r})", suggestion=AGAIN)
    if isinstance(one, dict) and one.keys() == {"sha256", "bytes"}:
        sha256, size = one["sha256"], one["bytes"]
        whole = isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256)
        if whole and type(size) is int and size >= 0:
            return sha256, size
    rule = f"is not what was written: its entry of {path} is no size and SHA-256"
    raise DataError(f"{FILE} of {name}", rule, suggestion=AGAIN)


def _found(folder: Path, name: str, below: str = "") -> Iterator[str]:
    """Paths of all files, relative to the folder."""
    empty = True
    with os.scandir(folder / below) as entries:
        for entry in entries:
            if is_litter(entry.name) and entry.is_file(follow_symlinks=False):
                continue
            empty = False
            path = f"{below}{entry.name}"
            if entry.is_symlink():
                rule = "is a link: a champion holds its files itself"
                raise DataError(f"{path} of {name}", rule, suggestion=AGAIN)
            if entry.is_dir():
                yield from _found(folder, name, f"{path}/")
            elif entry.is_file():
                yield path
            else:
                raise DataError(f"{path} of {name}", "is no plain file", suggestion=AGAIN)
    if below and empty:
        raise DataError(f"{below} of {name}", _FOREIGN, suggestion="Remove that folder.")


def _check(folder: Path, path: str, name: str, sha256: str, size: int) -> None:
    try:
        found = (folder / path).stat().st_size
        if found != size:
            rule = f"is not what was written: it has {found:,} bytes instead of {size:,}"
            raise DataError(f"{path} of {name}", f"{rule}; {_EITHER}", suggestion=AGAIN)
        same = _digest(folder / path) == sha256
    except OSError as error:
        raise DataError(f"{path} of {name}", f"cannot be read ({error.strerror})") from None
    if not same:
        rule = f"is not what was written: its SHA-256 is not the one in {FILE}"
        raise DataError(f"{path} of {name}", f"{rule}; {_EITHER}", suggestion=AGAIN)


_EITHER = "the file was changed, or the manifest's entry of it"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
