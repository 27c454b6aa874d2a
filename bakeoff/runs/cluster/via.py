"""Where runs are kept while nodes make them that share no path with anybody: behind a URL."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from bakeoff.data.remote import AbsentError, Remote, remote, url_of, without_secrets
from bakeoff.runs.cluster.nodes import Node
from bakeoff.spec.errors import DataError, SpecError, UserError

__all__ = ["Answer", "Asked", "Via", "answered", "asking", "refuse_unreached", "refuse_url"]

_PLAIN = re.compile(r"[a-z][a-z0-9+.-]*://.+", re.IGNORECASE)

_DRIVER, _NODE = "driver", "node"


@dataclass(frozen=True)
class Via:
    """A folder behind a URL, as it was given."""

    url: str = field(repr=False)
    """With all that may be secret in it."""

    def __post_init__(self) -> None:
        if not _PLAIN.fullmatch(self.url) or url_of(self.url) is None:
            way = "A folder is file:///PATH; caches of fsspec's (…::) have no place here."
            raise SpecError("--via", "must be a URL such as s3://BUCKET/FOLDER", self.shown, way)

    @property
    def shown(self) -> str:
        """Without what may be a secret."""
        return without_secrets(self.url).rstrip("/")

    @property
    def is_secret(self) -> bool:
        """Whether there may be something in it that is to be kept nowhere."""
        return self.shown != self.url.rstrip("/")

    def place(self) -> Remote:
        """What is there. An error where fsspec, or what it needs for it, is not installed."""
        return remote(self.url)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a node is asked: to read one thing there, and to write another."""

    via: Via
    folder: str
    token: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What it found."""

    token: str = ""
    """Of what was written by whoever asks."""

    name: str = ""
    """Of what it wrote itself, the token again."""

    error: UserError | None = None


def refuse_url(out: object) -> None:
    """An error where the bake-off's own directory is no directory."""
    if (url := url_of(out)) is not None:
        raise SpecError(
            "--out",
            "must be a folder of this machine",
            without_secrets(url),
            "Where nodes share no path, give --via with the URL: the bake-off's own directory "
            "stays here.",
        )


@contextmanager
def asking(via: Via) -> Iterator[tuple[Asked, Remote]]:
    """A question to nodes, written where they are to find it; and the folder that it is in."""
    asked = Asked(via=via, folder=f".bakeoff-{uuid.uuid4().hex[:12]}", token=uuid.uuid4().hex)
    try:
        folder = via.place().below(asked.folder)
        folder.write(_DRIVER, asked.token.encode())
        if not _has(folder, _DRIVER, asked.token) or _DRIVER not in folder.names():
            rule = "must list and give back what was just written there, and does not"
            raise DataError(via.shown, rule, suggestion="Give the URL of a storage that does.")
        folder.remove(_DRIVER)
        folder.write(_DRIVER, asked.token.encode())
    except UserError as error:
        raise _of(error, f"--via {via.shown}", asked) from error
    try:
        yield asked, folder
    finally:
        with suppress(UserError):
            folder.remove()


def answered(asked: Asked) -> Answer:
    """The answer of this node."""
    name = f"{_NODE}-{uuid.uuid4().hex[:12]}"
    try:
        folder = asked.via.place().below(asked.folder)
        read = folder.read(_DRIVER).decode()
        folder.write(name, b"")
        folder.remove(name)
        folder.write(name, asked.token.encode())
    except AbsentError:
        return Answer(name=name)
    except UserError as error:
        return Answer(error=error)
    return Answer(token=read, name=name)


def refuse_unreached(node: Node, answer: Answer, asked: Asked, folder: Remote) -> None:
    """An error unless the node sees what is written here, and this process what it writes."""
    where = f"--via {asked.via.shown}"
    if answer.error is not None:
        raise _of(answer.error, f"{where} on node {node.address}", asked)
    if answer.token != asked.token or not _has(folder, answer.name, asked.token):
        raise DataError(
            where,
            f"must be one place for all, and node {node.address} and this process do not see "
            "there what the other writes",
            suggestion="Give the URL of an object storage; file:// is for a disk that all share.",
        )


def _has(folder: Remote, name: str, token: str) -> bool:
    try:
        return folder.read(name).decode() == token
    except AbsentError:
        return False


def _of(error: UserError, where: str, asked: Asked) -> DataError:
    """The same, of the URL as it was given."""
    rule = error.rule.replace(asked.folder, "…")
    return DataError(where, rule, error.value, error.suggestion)
