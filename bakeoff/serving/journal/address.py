"""Where the journal is kept: a file, a PostgreSQL database by URL, or nowhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from bakeoff.spec.errors import UserError, one_of

__all__ = ["FILE", "PICTURES", "Address", "address", "newest_of"]

FILE = "journal.sqlite"
"""In the folder of a service."""

PICTURES = "pictures"
"""Those that are kept, in the same folder."""

_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
_SECRET = re.compile(r"(//[^/@]*?:)[^@]*(@)|((?:^|[?&])(?:ssl)?password=)[^&\s]*")
_WAY = "Write a path, postgresql://user:password@host/database, or none."


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Address:
    """A database. Shown without its password, whoever prints it."""

    kind: Literal["sqlite", "postgresql"]
    url: str
    """Of PostgreSQL."""

    path: Path | None
    """Of SQLite."""

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else _masked(self.url)

    def clean(self, text: str) -> str:
        """`text`, such as a driver's message, without the password and on one line."""
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return " ".join(_masked(text).split())

    def _secrets(self) -> set[str]:
        parts = urlsplit(self.url)
        raw = parts.netloc.rpartition("@")[0].partition(":")[2]
        named = parse_qs(parts.query)
        found = {raw, unquote(raw), *named.get("password", ()), *named.get("sslpassword", ())}
        return {secret for secret in found if secret}


def address(text: str, *, field: str = "--journal") -> Address | None:
    """What a person typed for the journal's place; None where none is wanted."""
    if text == "none":
        return None
    scheme, separator, _ = text.partition("://")
    if not separator:
        return _file(text, field)
    if scheme == "sqlite":
        return _file(text.removeprefix("sqlite://").removeprefix("/"), field)
    if scheme not in _POSTGRES:
        way = f"{one_of(scheme, ('sqlite', 'postgresql'))} {_WAY}"
        raise UserError(field, "must name a database that is known", scheme, way)
    url = f"postgresql+psycopg://{text.partition('://')[2]}"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - read to be checked
    except ValueError:
        raise UserError(field, "must be a URL with a port from 1 to 65535", _masked(text)) from None
    if not parts.path.strip("/"):
        raise UserError(field, "must name a database", _masked(text), _WAY)
    return Address(kind="postgresql", url=url, path=None)


def newest_of(services: Path) -> Address:
    """The journal that was written to last, of all services of this machine."""
    found = sorted(services.glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError("--journal", f"must be given: no service has left one in {services}")
    return Address(kind="sqlite", url="", path=found[-1])


def _file(text: str, field: str) -> Address:
    if not text or "\0" in text:
        raise UserError(field, "must name a file or a database", text, _WAY)
    path = Path(text).expanduser().absolute()
    if path.is_dir():
        raise UserError(field, "must name a file", str(path), f"Such as {path / 'journal.sqlite'}.")
    return Address(kind="sqlite", url="", path=path)


def _masked(text: str) -> str:
    return _SECRET.sub(lambda found: f"{found[1] or found[3]}***{found[2] or ''}", text)
