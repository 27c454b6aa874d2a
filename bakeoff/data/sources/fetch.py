"""Downloads one published file: over TLS, resumable, checked, and in place only when whole."""

from __future__ import annotations

import hashlib
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any

from filelock import FileLock

from bakeoff.data.cache import writing
from bakeoff.data.progress import Progress, silent
from bakeoff.spec.errors import DataError

__all__ = ["Published", "fetch", "sha256_of"]

CHUNK = 1 << 18
SILENCE_S = 30.0
ATTEMPTS = 4
PAUSE_S = 1.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file someone else keeps, and how to know it."""

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


def fetch(published: Published, folder: Path, *, by_hand: str, progress: Progress = silent) -> Path:
    """The published file in `folder`; what an earlier call left unfinished is gone on with.

    `by_hand` ends every error: how to do without the network.
    """
    _refuse_plain(published.url, published.url)
    target = folder / published.name
    with writing(f"download of {published.name}", folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{published.name}.lock")
        lock.acquire()
    try:
        if not target.exists():
            part = _Part(published, folder, by_hand)
            part.complete(progress)
            part.check(progress)
            with writing(f"download of {published.name}", folder):
                part.path.replace(target)
                part.stamp.unlink(missing_ok=True)
    finally:
        lock.release()
    return target


def sha256_of(path: Path, progress: Progress = silent) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest, total, done = hashlib.sha256(), path.stat().st_size, 0
    task = f"checking {path.name}"
    progress(task, 0, total, "bytes")
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            done += len(block)
            progress(task, done, total, "bytes")
    return digest.hexdigest()


class _Part:
    """A download under way: the bytes so far, and which version of the file they are of."""

    def __init__(self, published: Published, folder: Path, by_hand: str) -> None:
        self.published = published
        self.by_hand = by_hand
        self.path = folder / f"{published.name}.part"
        self.stamp = folder / f"{published.name}.part.json"

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def complete(self, progress: Progress) -> None:
        """Ask until all bytes are there; a dropped connection is taken up where it broke."""
        progress(self._task, 0, self.published.size, "bytes")
        reason = ""
        for attempt in range(ATTEMPTS):
            if self.size() == self.published.size:
                return
            time.sleep(PAUSE_S * attempt)
            reason = self._receive(progress)
        if self.size() != self.published.size:
            raise DataError(
                f"download of {self.published.url}",
                f"broke off after {self.size():,} of {self.published.size:,} bytes ({reason})",
                suggestion=f"Run the same again: it goes on from there. Or {self.by_hand}",
            )

    def check(self, progress: Progress) -> None:
        found = sha256_of(self.path, progress)
        if found != self.published.sha256:
            self._forget()
            raise DataError(
                f"download of {self.published.url}",
                "was deleted, as it is not the published file: its SHA-256 must be "
                f"{self.published.sha256}",
                found,
                f"Run the same again; if that does not help, {self.by_hand}",
            )

    @property
    def _task(self) -> str:
        return f"downloading {self.published.name}"

    def _receive(self, progress: Progress) -> str:
        """One request, and as many bytes as it brings; why it ended short, if it did."""
        response = self._ask()
        if response is None:
            return "the server would not go on from there"
        with response:
            have = self.size() if response.status == 206 else 0
            if response.status == 206 and not self._goes_on(response, have):
                self._forget()
                return "the file changed on the server"
            self._check_size(response, have)
            # Written first: bytes without their stamp are never gone on with.
            with writing(self._task, self.path):
                self.stamp.write_text(json.dumps(_version_of(response)), encoding="utf-8")
                file = self.path.open("ab" if have else "wb")
            with file:
                return self._pour(response, file, have, progress)

    def _pour(self, response: HTTPResponse, file: IO[bytes], have: int, progress: Progress) -> str:
        reason = "the server sent no more"
        while have < self.published.size:
            try:
                block = response.read(min(CHUNK, self.published.size - have))
            except (OSError, HTTPException) as error:
                reason = str(error) or type(error).__name__
                break
            if not block:
                break
            with writing(self._task, self.path):
                file.write(block)
            have += len(block)
            progress(self._task, have, self.published.size, "bytes")
        with writing(self._task, self.path):
            file.flush()
            os.fsync(file.fileno())
        return reason

    def _ask(self) -> HTTPResponse | None:
        """The answer, for the rest of the file where that is possible; None if it is refused."""
        headers = {"User-Agent": "bakeoff", "Accept-Encoding": "identity"}
        version, have = self._stamped(), self.size()
        if have and version and have < self.published.size:
            # If-Range has the server send all of it when it is no longer the same file.
            headers |= {"Range": f"bytes={have}-", "If-Range": version}
        else:
            self._forget()
        request = urllib.request.Request(self.published.url, headers=headers)
        try:
            response: HTTPResponse = _OPENER.open(request, timeout=SILENCE_S)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:
                self._forget()
                return None
            raise self._failed(f"was answered with {error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise self._failed(f"got no answer: {reason}") from error
        return response

    def _goes_on(self, response: HTTPResponse, have: int) -> bool:
        """Whether the answer is the rest of the very file that was begun."""
        rest = f"bytes {have}-{self.published.size - 1}/{self.published.size}"
        return (
            response.headers.get("Content-Range") == rest
            and _version_of(response) == self._stamped()
        )

    def _check_size(self, response: HTTPResponse, have: int) -> None:
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and have + int(length) != self.published.size:
            self._forget()
            raise DataError(
                f"download of {self.published.url}",
                f"is not the published file: its size must be {self.published.size:,} bytes",
                f"{have + int(length):,} bytes",
                self.by_hand[:1].upper() + self.by_hand[1:],
            )

    def _failed(self, what: str) -> DataError:
        return DataError(
            f"download of {self.published.url}",
            what,
            suggestion=f"Check the network and run the same again, or {self.by_hand}",
        )

    def _stamped(self) -> str:
        try:
            version = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return version if isinstance(version, str) else ""

    def _forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.stamp.unlink(missing_ok=True)


def _version_of(response: HTTPResponse) -> str:
    """What If-Range may name; a weak tag (W/…) does not promise equal bytes."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _refuse_plain(url: str, asked: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return
    rule = "must stay on https, so that nobody on the way can change it"
    raise DataError(f"download of {asked}", rule, url)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: HTTPMessage, newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        _refuse_plain(newurl, req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER: Any = urllib.request.build_opener(_Redirects)
