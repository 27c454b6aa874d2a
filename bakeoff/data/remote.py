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
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from bakeoff.spec.errors import BakeoffError, DataError, MissingExtraError

__all__ = ["Remote", "remote", "url_of"]

_URL = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z][a-z0-9+.-]+)*://.", re.IGNORECASE | re.DOTALL)
_COLLAPSED = re.compile(r"([a-z][a-z0-9+.-]+(?:::[a-z][a-z0-9+.-]+)*):/([^/].*)", re.I | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A place that a URL names: a folder of files, or one file."""

    name: str
    """The URL as it is shown: without what may be a secret in it."""

    root: str
    files: Any = field(repr=False)
    """The file system of fsspec's that keeps it."""

    def read(self, name: str = "") -> bytes:
        """All of a file below; of the one file itself, without a name."""
        with self._telling(name):
            content: bytes = self.files.cat_file(self._path(name))
            return content

    def fetch(self, name: str, file: BinaryIO) -> None:
        """Copy a file below into one of this disk, whose own refusals stay as they are."""
        with self._telling(name), self.files.open(self._path(name), "rb") as source:
            while piece := source.read(1 << 20):
                _put(file, piece)

    def write(self, name: str, content: bytes) -> None:
        """Put a file below, whole or not at all, in the place of one that is there."""
        path = self._path(name)
        with self._telling(name, "written"):
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
            if not getattr(self.files, "local_file", False):
                self.files.pipe_file(path, content)
                return
            # An object storage shows a file once it is whole; a disk has to be made to.
            made = Path(f"{path}.{uuid.uuid4().hex[:8]}.making")
            try:
                made.write_bytes(content)
                made.replace(path)
            finally:
                made.unlink(missing_ok=True)

    def has(self, name: str = "") -> bool:
        """Whether there is a file of this name."""
        with self._telling(name):
            return bool(self.files.isfile(self._path(name)))

    def shown(self, name: str) -> str:
        """A file below, as it is called in errors."""
        return f"{self.name}/{name}" if name else self.name

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    @contextmanager
    def _telling(self, name: str, done: str = "read") -> Iterator[None]:
        """What the place refuses, as an error of ours."""
        try:
            yield
        except (BakeoffError, _DiskError):
            raise
        except FileNotFoundError:
            raise DataError(self.shown(name), "is not there", suggestion=_LOOK) from None
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
    name = _without_secrets(url)
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


def _without_secrets(url: str) -> str:
    """Without a user's name and password, and what follows a question mark: a signature, often."""
    return re.sub(r"(://)[^/@]*@", r"\1", url).partition("?")[0]


def _line(error: Exception) -> str:
    """The first line of what it says, which may be many."""
    said = str(error).strip() or type(error).__name__
    return said.splitlines()[0][:300].rstrip(".")


def _put(file: BinaryIO, piece: bytes) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise _DiskError(*error.args) from error
