"""A champion in one file: a `.bakeoff`, which is a zip of its folder.

Members are stored as they are: weights do not shrink, and what is not compressed cannot swell. The
same champion gives the same bytes.

An archive is opened by unpacking it into the cache, under the SHA-256 of all of its bytes. Engines
want files with names, and the weights lie beside the graph that reads them. A temporary folder
would have to live as long as the engine and stay behind after a crash; the cache is made whole or
not at all, may be deleted at any time, and the second opening finds it ready.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path

from bakeoff.champion import manifest
from bakeoff.champion.manifest import Manifest
from bakeoff.data.cache import cache_folder, entry, writing
from bakeoff.spec.errors import DataError

__all__ = ["SUFFIX", "is_archive", "pack", "unpacked"]

SUFFIX = ".bakeoff"
_MEMBERS = 1000
_EPOCH = (1980, 1, 1, 0, 0, 0)
_AGAIN = "Get it again from where it came from, or unpack it yourself and open the folder."
_DAMAGED = (zipfile.BadZipFile, EOFError, NotImplementedError)


def is_archive(path: Path) -> bool:
    """Whether a file is meant to be a champion in one file, by its name or its first bytes."""
    if path.suffix == SUFFIX:
        return True
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def pack(folder: Path, path: Path, *, replace: bool = False) -> Path:
    """The champion in `folder` as one file at `path`, whole or not at all."""
    listed = manifest.verify(folder)
    if path.exists() and not replace:
        raise DataError(str(path), "is there already", suggestion="Give another name.")
    names = [*listed.files, manifest.FILE]
    names += [manifest.SIGNATURE] if (folder / manifest.SIGNATURE).exists() else []
    made = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.making")
    with writing("the champion", path, suggestion="Give another place for it."):
        try:
            with made.open("wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
                    for name in sorted(names):
                        _add(packed, folder, name)
                file.flush()
                os.fsync(file.fileno())
            made.replace(path)
        finally:
            made.unlink(missing_ok=True)
    return path


def unpacked(path: Path) -> tuple[Path, Manifest]:
    """The folder that `path` was unpacked to, now or before, and its manifest, verified."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = cache_folder() / "champions" / digest
    if folder.is_dir():
        try:
            return folder, manifest.verify(folder, str(path))
        except DataError:
            # The archive is as it was: what is wrong lies in the cache, and is made again.
            shutil.rmtree(folder, ignore_errors=True)
    with entry(folder, "the unpacked champion") as made:
        if made is not None:
            _extract(path, made)
            # What does not hold together never becomes an entry.
            return folder, manifest.verify(made, str(path))
    return folder, manifest.verify(folder, str(path))


def _add(packed: zipfile.ZipFile, folder: Path, name: str) -> None:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.create_system = 3
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    member.file_size = (folder / name).stat().st_size
    with (folder / name).open("rb") as source, packed.open(member, "w") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _extract(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
            _refuse_attacks(path, members)
            for member in members:
                target = folder / member.filename
                if member.is_dir():
                    # A foreign one is refused with the folder that comes of it.
                    target.mkdir(parents=True, exist_ok=True)
                elif not manifest.is_litter(member.filename):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    _extract_one(path, packed, member, target)
    except (*_DAMAGED, ValueError):
        rule = "cannot be read as a zip: it was cut or changed on its way, or is something else"
        raise DataError(str(path), rule, suggestion=_AGAIN) from None


def _extract_one(path: Path, packed: zipfile.ZipFile, member: zipfile.ZipInfo, to: Path) -> None:
    try:
        with packed.open(member) as source, to.open("xb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    except _DAMAGED:
        rule = "is not what was packed: the archive was changed after it was made"
        raise DataError(f"{member.filename} of {path}", rule, suggestion=_AGAIN) from None


def _refuse_attacks(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """An error, before anything is written, unless all members are plain files in one folder."""
    if len(members) > _MEMBERS:
        rule = f"holds {len(members):,} files, and a champion at most {_MEMBERS:,}"
        raise DataError(str(path), rule, suggestion=_AGAIN)
    seen: set[str] = set()
    for member in members:
        # Not told apart by all file systems: the second would take the first one's place.
        folded = member.filename.rstrip("/").casefold()
        rule = _fault(member) or ("is there twice" if folded in seen else "")
        if rule:
            # As it was written: Python's own reading of a name cuts it at a zero.
            name = f"{member.orig_filename!r} of {path}"
            raise DataError(name, rule, suggestion=_AGAIN)
        seen.add(folded)
    # Stored members that share their bytes are the one way left to be larger than the file.
    if sum(member.file_size for member in members) > path.stat().st_size:
        rule = "claims to hold more bytes than it has"
        raise DataError(str(path), rule, suggestion=_AGAIN)
    if manifest.FILE not in seen:
        rule = f"is not a champion: it holds no {manifest.FILE} at its top"
        raise DataError(str(path), rule, suggestion="Make one with: bakeoff champion DIR")


def _fault(member: zipfile.ZipInfo) -> str:
    """What is wrong with a member; empty where nothing is."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    name = member.orig_filename
    if manifest.escapes(name.removesuffix("/")):
        return "would be written outside of the folder it is unpacked to"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a plain file"
    if member.flag_bits & 0x1:
        return "is encrypted, which a champion never is"
    if member.compress_type != zipfile.ZIP_STORED:
        return "is compressed, and a champion's files are stored as they are"
    return ""
