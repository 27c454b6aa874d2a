"""Files behind a URL, whatever keeps them: an object storage, a server, a disk. Through fsspec.

Imports next to nothing until a URL is opened, as services look at paths with it.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from bakeoff.spec.errors import BakeoffError, DataError, MissingExtraError

__all__ = ["AbsentError", "Remote", "remote", "url_of", "without_secrets"]

_URL = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z][a-z0-9+.-]+)*://.", re.IGNORECASE | re.DOTALL)
_COLLAPSED = re.compile(r"([a-z][a-z0-9+.-]+(?:::[a-z][a-z0-9+.-]+)*):/([^/].*)", re.I | re.DOTALL)


class AbsentError(DataError):
    """What a URL names is not there."""


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A place that a URL names: a folder of files, or one file."""

    name: str
    """The URL as it is shown: without what may be a secret in it."""

    root: str
    files: Any = field(repr=False)
    """The file system of fsspec's that keeps it."""

    def below(self, name: str) -> Remote:
        """A folder in it."""
        return replace(self, name=self.shown(name), root=self._path(name))

    def read(self, name: str = "") -> bytes:
        """All of a file below; of the one file itself, without a name."""
        with self._telling(name):
            content: bytes = self.files.cat_file(self._path(name))
            return content

    def fetch(self, name: str, file: BinaryIO, *, most: int | None = None) -> None:
        """Copy a file below into one of this disk, whose own refusals stay as they are. Of one with
        more than `most` bytes little more is fetched."""
        done = 0
        with self._telling(name), self.files.open(self._path(name), "rb") as source:
            while (most is None or done <= most) and (piece := source.read(1 << 20)):
                _put(file, piece)
                done += len(piece)

    def write(self, name: str, content: bytes) -> None:
        """Put a file below, whole or not at all, in the place of one that is there."""
        path = self._path(name)
        with self._telling(name, "written"):
            # `local_file` is also said by what only keeps copies here (simplecache::).
            if not isinstance(self.files, importlib.import_module(_DISK).LocalFileSystem):
                self._pipe(path, content)
                return
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
            # An object storage shows a file once it is whole; a disk has to be made to.
            made = Path(f"{path}.{uuid.uuid4().hex[:8]}.making")
            try:
                made.write_bytes(content)
                made.replace(path)
            finally:
                made.unlink(missing_ok=True)

    def has(self, name: str = "") -> bool:
        """Whether there is a file of this name that may be read."""
        with self._telling(name):
            try:
                # And not isfile, which takes all that goes wrong for a no.
                return bool(self.files.info(self._path(name))["type"] != "directory")
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                # Storages that let nobody list refuse what is missing as well.
                return False

    def names(self) -> dict[str, int]:
        """All files below, however deep, with their sizes; none where there is no such folder."""
        with self._telling(""):
            # Others write there, too.
            self.files.invalidate_cache()
            try:
                found = self.files.find(self.root, detail=True)
            except FileNotFoundError:
                return {}
            start = len(self.root) + 1
            return {path[start:]: int(facts["size"] or 0) for path, facts in found.items()}

    def remove(self, name: str = "") -> None:
        """Take away a file below, or a folder with all that is in it, if it is there."""
        with self._telling(name, "removed"), suppress(FileNotFoundError):
            self.files.invalidate_cache()
            self.files.rm(self._path(name), recursive=True)

    def shown(self, name: str) -> str:
        """A file below, as it is called in errors."""
        return f"{self.name}/{name}" if name else self.name

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    def _pipe(self, path: str, content: bytes) -> None:
        try:
            self.files.pipe_file(path, content)
        except FileNotFoundError:
            # An object storage has no folders, and asking for them is one more thing to wait for.
            self._make_folders(path)
            self.files.pipe_file(path, content)

    def _make_folders(self, path: str) -> None:
        """Those above a file; but for the first, which may be a bucket: one that is not there was
        misspelt, rather than is to be made."""
        parts = path.split("/")
        first = 1 if parts[0] else 2
        for end in range(first + 1, len(parts)):
            with suppress(FileExistsError):
                self.files.mkdir("/".join(parts[:end]), create_parents=False)

    @contextmanager
    def _telling(self, name: str, done: str = "read") -> Iterator[None]:
        """What the place refuses, as an error of ours."""
        try:
            yield
        except (BakeoffError, _DiskError):
            raise
        except FileNotFoundError:
            raise AbsentError(self.shown(name), "is not there", suggestion=_LOOK) from None
        except PermissionError:
            rule = f"may not be {done} by whoever runs this"
            raise DataError(self.shown(name), rule, suggestion=_RIGHTS) from None
        # Every protocol has errors of its own, and there is no class above them.
        except Exception as error:
            rule = f"cannot be {done} ({type(error).__name__}: {_line(error)})"
            raise DataError(self.shown(name), rule, suggestion=_RIGHTS) from error


class _DiskError(OSError):
    """This disk refused, and not the place that a URL names."""


def url_of(path: object) -> str | None:
    """The URL that was given where a path may stand; None for a path.

    A `Path` made of a URL has lost a slash, which is put back, unless there is such a file.
    """
    if isinstance(path, str):
        return path if _URL.match(path) else None
    if isinstance(path, Path) and (found := _COLLAPSED.fullmatch(str(path))) and not path.exists():
        scheme, rest = found.groups()
        local = scheme.rpartition("::")[2].lower() in ("file", "local")
        return f"{scheme}://{'/' if local else ''}{rest}"
    return None


def remote(url: str) -> Remote:
    """What is behind a URL. An error where fsspec, or what it needs for that protocol, is not
    installed; nothing is read yet."""
    name = without_secrets(url)
    if importlib.util.find_spec("fsspec") is None:
        raise MissingExtraError(name, "remote")
    core = importlib.import_module("fsspec.core")
    try:
        files, root = core.url_to_fs(url)
    except ImportError as error:
        rule = f"cannot be reached: its protocol needs a package ({_line(error)})"
        raise DataError(name, rule, suggestion=_install(url)) from None
    # Protocols that are not known, and whatever the known ones want beside a package.
    except Exception as error:
        rule = f"cannot be reached ({_line(error)})"
        raise DataError(name, rule, suggestion=_PROTOCOLS) from None
    return Remote(name=name.rstrip("/"), root=str(root).rstrip("/"), files=files)


_DISK = "fsspec.implementations.local"
_NAMES = re.compile(r"(://)[^/\s]*@")
"""Who asks, and by what word; a word may hold another of these signs."""

_LOOK = "Look at the URL, and at whether what it names was written whole."
_RIGHTS = "Look at the credentials and the connection; fsspec's documentation says where they go."
_PROTOCOLS = "Known are those of fsspec, such as s3://, gs://, abfs://, https:// and file://."


def _install(url: str) -> str:
    """What to install, by fsspec's own table of who does what."""
    registry = importlib.import_module("fsspec.registry")
    for protocol in url.partition("://")[0].split("::"):
        home = str(registry.known_implementations.get(protocol, {}).get("class", ""))
        package = home.partition(".")[0]
        if package not in ("", "fsspec") and importlib.util.find_spec(package) is None:
            return f"Install it with: {sys.executable} -m pip install {package}"
    return "Install what it names beside Bakeoff."


def without_secrets(url: str) -> str:
    """Without a user's name and password, and what follows a question mark: a signature, often."""
    return _NAMES.sub(r"\1", url).partition("?")[0]


def _line(error: Exception) -> str:
    """The first line of what it says, which may be many, without the secrets of URLs in it."""
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    said = re.sub(r"(://[^\s?]*)\?[^\s'\")]*", r"\1", _NAMES.sub(r"\1", said))
    return said[:300].rstrip(".")


def _put(file: BinaryIO, piece: bytes) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise _DiskError(*error.args) from error
