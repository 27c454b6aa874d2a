"""Unpacks zip and tar files into the cache, trusting nothing they say of themselves."""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import json
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from bakeoff.data.cache import cache_folder, entry
from bakeoff.data.progress import Progress, silent
from bakeoff.data.sources.fetch import sha256_of
from bakeoff.spec.errors import DataError

__all__ = ["ARCHIVE_SUFFIXES", "Limits", "digest_of", "is_archive_name", "unpack"]

ARCHIVE_SUFFIXES = (
    ".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", "_archive",
)  # fmt: skip
"""How archives are called; `_archive` is Keras's way."""

CHUNK = 1 << 20
_DRIVE = re.compile(r"^[A-Za-z]:")
_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError,
    NotImplementedError, UnicodeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What no honest archive of pictures comes near."""

    members: int = 5_000_000
    bytes: int = 1 << 40
    ratio: int = 200
    """Unpacked bytes for one packed byte; pictures are packed already and give about one."""
    free: int = 1 << 28
    """Unpacked bytes before `ratio` counts."""


DEFAULT_LIMITS = Limits()


def is_archive_name(name: str) -> bool:
    """Whether a file of this name is taken for an archive."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def unpack(path: Path, progress: Progress = silent, limits: Limits = DEFAULT_LIMITS) -> Path:
    """The folder in the cache with the files of an archive; unpacked the first time only."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", path.name)
    place = cache_folder() / "archives" / f"{stem}-{digest_of(path, progress)[:32]}"
    with entry(place, f"files of {path.name}") as folder:
        if folder is not None:
            _Unpacking(path, folder, limits, progress).run()
    return place


def digest_of(path: Path, progress: Progress = silent) -> str:
    """SHA-256 of a file, remembered for as long as its size and times stay the same."""
    path = path.resolve()
    status = path.stat()
    key = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    name = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()
    memo = cache_folder() / "digests" / f"{name[:32]}.json"
    try:
        remembered, digest = json.loads(memo.read_text(encoding="utf-8"))
        if remembered == key:
            return str(digest)
    except (OSError, ValueError, TypeError):
        pass
    digest = sha256_of(path, progress)
    # Only a saving of time: a cache that cannot be written does without.
    with suppress(OSError):
        memo.parent.mkdir(parents=True, exist_ok=True)
        memo.write_text(json.dumps([key, digest]), encoding="utf-8")
    return digest


class _Unpacking:
    """One archive on its way into one fresh folder."""

    def __init__(self, path: Path, folder: Path, limits: Limits, progress: Progress) -> None:
        self.path = path
        self.folder = folder
        self.limits = limits
        self.progress = progress
        self.packed = path.stat().st_size
        self.members = 0
        self.unpacked = 0

    def run(self) -> None:
        self.progress(self._task, 0, self.packed, "bytes")
        with self.path.open("rb") as file, self._damage():
            magic = file.read(6)
            file.seek(0)
            if magic[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
                self._unzip(file)
            else:
                self._untar(file, magic)
        self.progress(self._task, self.packed, self.packed, "bytes")

    @property
    def _task(self) -> str:
        return f"unpacking {self.path.name}"

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise self._damaged(str(error) or type(error).__name__) from error
        except OSError as error:
            # bz2 says so in this way, and only so; zip files send readers to impossible places.
            # Any other number is the disk's word.
            if error.errno not in (None, errno.EINVAL):
                raise
            raise self._damaged(str(error)) from error

    def _damaged(self, reason: str) -> DataError:
        return DataError(
            f"archive {self.path}",
            f"is damaged, cut short or not an archive ({reason})",
            suggestion="Fetch or pack it again; zip, tar, tar.gz, tar.xz and tar.bz2 are read.",
        )

    def _unzip(self, file: IO[bytes]) -> None:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                # `filename` was already tidied, and differently from system to system.
                target = self._target(info.orig_filename)
                self._check_zip_kind(info)
                if info.is_dir():
                    self._make_folder(target)
                    continue
                with archive.open(info) as member:
                    self._write(member, target, info.orig_filename, count=True)
                self.progress(self._task, min(file.tell(), self.packed), self.packed, "bytes")

    def _check_zip_kind(self, info: zipfile.ZipInfo) -> None:
        if info.flag_bits & 0x1:
            raise DataError(
                f"{info.orig_filename!r} in {self.path}", "is encrypted",
                suggestion="Unpack the archive with its password and name the folder instead.",
            )  # fmt: skip
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind == stat.S_IFLNK:
            raise self._refused(info.orig_filename, "is a link")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise self._refused(info.orig_filename, "is neither a file nor a folder")

    def _untar(self, file: IO[bytes], magic: bytes) -> None:
        stream = _Counted(_decompressed(file, magic), file, self)
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
            for info in archive:
                target = self._target(info.name)
                if info.issym() or info.islnk():
                    raise self._refused(info.name, "is a link")
                if info.isdir():
                    self._make_folder(target)
                    continue
                member = archive.extractfile(info) if info.isreg() else None
                if member is None:
                    raise self._refused(info.name, "is neither a file nor a folder")
                self._write(member, target, info.name, count=info.issparse())
        # A tar ends in zeros, and a compressed one in a checksum: both are lost to a cut.
        while stream.read(CHUNK):
            pass
        if stream.tail.strip(b"\0") or len(stream.tail) < tarfile.BLOCKSIZE:
            raise self._damaged("its end is missing")

    def _target(self, name: str) -> Path:
        self.members += 1
        if self.members > self.limits.members:
            raise self._too_much(f"holds more than {self.limits.members:,} members")
        parts = PurePosixPath(name).parts
        if "\\" in name:
            raise self._refused(name, "has a backslash in its name")
        if "\0" in name:
            raise self._refused(name, "has a zero byte in its name")
        if name.startswith("/") or _DRIVE.match(name) or ".." in parts:
            raise self._refused(name, "climbs out of its folder")
        return self.folder.joinpath(*parts)

    def _make_folder(self, target: Path) -> None:
        with self._named(target):
            target.mkdir(parents=True, exist_ok=True)

    def _write(self, member: IO[bytes], target: Path, name: str, *, count: bool) -> None:
        self._make_folder(target.parent)
        with self._named(target):
            out = target.open("xb")
        with out:
            while block := member.read(CHUNK):
                if count:
                    self.count(len(block))
                out.write(block)

    @contextmanager
    def _named(self, target: Path) -> Iterator[None]:
        """Turn the system's refusals of a name into ours."""
        try:
            yield
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            name = target.relative_to(self.folder).as_posix()
            raise self._refused(name, "is there twice, or once as a file and once as a folder "
                                "(capitals may not count on this disk)") from error  # fmt: skip
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
                raise
            name = target.relative_to(self.folder).as_posix()
            raise self._refused(name, "has a name that this disk cannot hold") from error

    def count(self, more: int) -> None:
        """Take note of unpacked bytes, and stop at what no honest archive needs."""
        self.unpacked += more
        if self.unpacked > self.limits.bytes:
            raise self._too_much(f"unpacks to more than {self.limits.bytes:,} bytes")
        if self.unpacked > max(self.limits.free, self.limits.ratio * self.packed):
            raise self._too_much(
                f"unpacks to more than {self.limits.ratio} times its {self.packed:,} bytes, "
                "as a decompression bomb does"
            )

    def _too_much(self, rule: str) -> DataError:
        way_out = "If you trust it, unpack it yourself and name the folder instead."
        return DataError(f"archive {self.path}", rule, suggestion=way_out)

    def _refused(self, name: str, rule: str) -> DataError:
        return DataError(
            f"{name!r} in {self.path}",
            f"{rule}; nothing was unpacked",
            suggestion="Only plain files and folders with plain names are taken from an archive.",
        )


class _Counted:
    """Counts what comes out of a decompressor, headers included, and remembers its end."""

    def __init__(self, inner: IO[bytes], packed: IO[bytes], unpacking: _Unpacking) -> None:
        self.inner = inner
        self.packed = packed
        self.unpacking = unpacking
        self.tail = b""

    def read(self, size: int) -> bytes:
        block = self.inner.read(size)
        self.unpacking.count(len(block))
        if block:
            self.tail = (self.tail + block[-tarfile.BLOCKSIZE :])[-tarfile.BLOCKSIZE :]
        task = f"unpacking {self.unpacking.path.name}"
        self.unpacking.progress(task, self.packed.tell(), self.unpacking.packed, "bytes")
        return block


def _decompressed(file: IO[bytes], magic: bytes) -> IO[bytes]:
    if magic.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if magic.startswith(b"\xfd7zXZ\0"):
        return lzma.open(file)
    return bz2.open(file) if magic.startswith(b"BZh") else file
