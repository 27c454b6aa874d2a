"""A service from Python: what `bakeoff.open` gives, but over HTTP.

Only the standard library and what pictures need anyway: no torch, no other client.
"""

from __future__ import annotations

import base64
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload
from urllib.parse import quote, urlsplit

from bakeoff.champion.prediction import Prediction
from bakeoff.data.decode import taken
from bakeoff.data.encode import encode
from bakeoff.serving.wire import Answer, Lost, Wire
from bakeoff.spec.errors import ArgumentError, PictureError, UserError

__all__ = ["Answered", "Client", "Explained", "ServiceError", "connect"]

Picture = Any
"""A path, the bytes of a file, a picture of Pillow's, or 8-bit values H×W, H×W×3 or H×W×4."""

_PICTURES = 32
"""In one request."""

_BYTES = 8_000_000
"""Of pictures in one request, unless one alone is larger. A service takes 10 MB by default."""

_FIRST, _LONGEST = 0.1, 5.0
"""Seconds before asking again, where the service does not say: twice as long each time."""

_AGAIN = (408, 429, 502, 503, 504)


class ServiceError(UserError):
    """A service that does not answer, or that says why not."""

    def __init__(
        self,
        field: str,
        rule: str,
        value: object = None,
        suggestion: str = "",
        *,
        status: int | None = None,
    ) -> None:
        self.status = status
        """Of its answer; None where none came."""
        super().__init__(field, rule, value, suggestion)

    def __reduce__(self) -> tuple[object, ...]:
        rest = (self.field, self.rule, self.value, self.suggestion)
        return _again, (rest, self.status)


def _again(rest: tuple[Any, ...], status: int | None) -> ServiceError:
    return ServiceError(*rest, status=status)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered(Prediction):
    """What a service says of a picture, and what feedback has to name."""

    id: str
    picture: int
    """Its place in the request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """Where a service found a class."""

    label: str
    probability: float
    method: str
    flat: bool
    """Whether no part of the picture speaks for it more than others."""

    overlay: bytes
    """A PNG."""


def connect(url: str, key: str | None = None, *, timeout: float = 60.0, retries: int = 8) -> Client:
    """A service at an address such as http://127.0.0.1:8000. `timeout` is in seconds, for a whole
    call with all its attempts; `retries` are those after the first."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
        raise ArgumentError("url", "must be like http://127.0.0.1:8000", url)
    if parts.username is not None or parts.query or parts.fragment:
        raise ArgumentError("url", "must be an address alone", url, "Give a key with key=.")
    if not timeout > 0:
        raise ArgumentError("timeout", "must be above 0", timeout)
    if retries < 0:
        raise ArgumentError("retries", "must not be below 0", retries)
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ArgumentError("key", "must be a key as bakeoff serve --new-key printed it")
    wire = Wire(parts.scheme, parts.hostname, port)
    return Client(url, wire, parts.path.rstrip("/"), key=key, timeout=timeout, retries=retries)


class Client:
    """Asks a service. It may be used from several threads at once."""

    def __init__(
        self, url: str, wire: Wire, base: str, *, key: str | None, timeout: float, retries: int
    ) -> None:
        self.url = url
        self._wire = wire
        self._base = base
        self._key = key
        self._timeout = timeout
        self._retries = retries

    def __repr__(self) -> str:
        return f"<Client {self.url}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    @overload
    def predict(self, x: list[Picture] | tuple[Picture, ...]) -> list[Answered]: ...

    @overload
    def predict(self, x: str | bytes | os.PathLike[str]) -> Answered: ...

    @overload
    def predict(self, x: Picture) -> Any: ...

    def predict(self, x: Picture) -> Answered | list[Answered]:
        """What it says of a picture, or of each in a list of them, as `Champion.predict` does:
        the same kinds of pictures, the same answers. Files are sent as they are."""
        many = isinstance(x, list | tuple) or getattr(x, "ndim", 0) == 4
        if not many:
            return self._some([_content(x, "the picture")], 0, many=False)[0]
        found: list[Answered] = []
        batch: list[bytes] = []
        for place, one in enumerate(x):
            content = _content(one, f"picture {place}")
            if batch and _is_full(batch, content):
                found += self._some(batch, len(found), many=True)
                batch = []
            batch.append(content)
        return found + (self._some(batch, len(found), many=True) if batch else [])

    def explain(self, x: Picture, label: str | None = None) -> Explained:
        """Where in a picture it found a class: the likeliest, if none is named."""
        query = "" if label is None else f"?class={quote(label)}"
        content = _content(x, "the picture")
        path = f"/explain{query}"
        told = self._ask("POST", path, content, "application/octet-stream", has="overlay")
        return Explained(
            label=told["label"],
            probability=told["probability"],
            method=told["method"],
            flat=told["flat"],
            overlay=base64.b64decode(told["overlay"].partition(",")[2]),
        )

    def feedback(self, answer: Answered, *, correct: bool, label: str | None = None) -> None:
        """Say whether an answer was right, and which class would have been; kept when this
        returns."""
        said = {"id": answer.id, "picture": answer.picture, "correct": correct, "label": label}
        body = json.dumps(said).encode()
        self._ask("POST", "/feedback", body, "application/json", has="outcome")

    def ready(self) -> bool:
        """Whether it takes requests just now."""
        try:
            return self._once("GET", "/readyz", None, "", self._timeout).status == 200
        except Lost:
            return False

    def version(self) -> dict[str, Any]:
        """Which program and which champion answer."""
        return self._ask("GET", "/version", None, "", has="model")

    def _some(self, contents: Sequence[bytes], first: int, *, many: bool) -> list[Answered]:
        if len(contents) == 1:
            body, kind = contents[0], "application/octet-stream"
        else:
            body, kind = _form(contents)
        told = self._ask("POST", "/predict?top=100000", body, kind, has="predictions")
        found = []
        for place, one in enumerate(told["predictions"]):
            if "error" in one:
                detail = str(one["error"]["detail"])
                raise PictureError(f"picture {first + place}", "was refused", suggestion=detail)
            found.append(_answered(one, told["id"], place))
        return found

    def _ask(
        self, method: str, path: str, body: bytes | None, kind: str, *, has: str
    ) -> dict[str, Any]:
        """The answer, if it is a good one; asked again where that may help. `has` is a member that
        the service's own answers have."""
        until = time.monotonic() + self._timeout
        for attempt in range(self._retries + 1):
            left = until - time.monotonic()
            try:
                answer: Answer | Lost = self._once(method, path, body, kind, max(left, 0.001))
            except Lost as lost:
                answer = lost
            if isinstance(answer, Answer) and answer.status < 300:
                return self._told(answer, has)
            wait = _wait(answer, attempt)
            if attempt == self._retries or wait is None or time.monotonic() + wait > until:
                raise self._refused(answer)
            time.sleep(wait)
        raise AssertionError

    def _told(self, answer: Answer, has: str) -> dict[str, Any]:
        found = answer.json()
        if not isinstance(found, dict) or has not in found:
            rule = "answers, but is not a service of Bakeoff's"
            raise ServiceError(f"the service at {self.url}", rule, status=answer.status)
        return found

    def _once(
        self, method: str, path: str, body: bytes | None, kind: str, seconds: float
    ) -> Answer:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = kind
            # It need not begin what nobody waits for any more.
            headers["X-Deadline-Ms"] = str(max(1, min(999_999_999, int(1000 * seconds))))
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        return self._wire.ask(method, self._base + path, body, headers, seconds)

    def _refused(self, answer: Answer | Lost) -> UserError:
        where = f"the service at {self.url}"
        if isinstance(answer, Lost):
            way = "Start it with: bakeoff serve CHAMPION"
            return ServiceError(where, f"does not answer: {answer}", suggestion=way)
        status = answer.status
        detail, kind = answer.problem()
        if kind in ("picture", "empty"):
            return PictureError("the picture", "was refused by the service", suggestion=detail)
        rule = f"answered {status}"
        return ServiceError(where, rule, suggestion=detail, status=status)


def _answered(one: dict[str, Any], request: str, place: int) -> Answered:
    return Answered(
        label=one["label"],
        probability=one["probability"],
        probabilities={each["label"]: each["probability"] for each in one["top"]},
        unknown=one["none_of_these"],
        strangeness=one["strangeness"],
        id=request,
        picture=place,
    )


def _wait(answer: Answer | Lost, attempt: int) -> float | None:
    """Seconds before the next attempt; None where it would change nothing."""
    if isinstance(answer, Answer) and answer.status not in _AGAIN:
        return None
    # Not all at once: clients that were sent away together would come back together.
    wait: float = min(_LONGEST, _FIRST * 2.0**attempt) * (0.5 + random.random() / 2)
    said = answer.retry_after() if isinstance(answer, Answer) else None
    return wait if said is None else said + wait


def _is_full(batch: Sequence[bytes], content: bytes) -> bool:
    return len(batch) == _PICTURES or sum(map(len, batch)) + len(content) > _BYTES


def _content(source: Picture, name: str) -> bytes:
    """The bytes of a file: of what is in memory already, a PNG."""
    if isinstance(source, str | os.PathLike):
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            reason = (error.strerror or "it is not there").lower()
            raise PictureError(str(source), f"cannot be read: {reason}") from None
    elif isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
    elif hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
        return encode(taken(source, name=name))
    else:
        kinds = "a path, bytes, a picture of Pillow's, an array, or a list of these"
        raise ArgumentError(name, f"must be {kinds}", type(source).__name__)
    if not content:
        raise PictureError(name, "has no bytes")
    return content


def _form(contents: Sequence[bytes]) -> tuple[bytes, str]:
    """Several files in one body, and what that is called."""
    boundary = f"bakeoff-{random.getrandbits(128):032x}"
    parts = []
    for place, content in enumerate(contents):
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="picture"; '
            f'filename="{place}"\r\n\r\n'.encode()
        )
        parts += [content, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"
