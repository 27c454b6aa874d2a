"""The body of a request to pictures: raw, as a form, or as JSON; bounded in bytes and in time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from bakeoff.serving.admission import Admission
from bakeoff.serving.computing import Upload
from bakeoff.serving.problems import Problem, Refused

__all__ = ["Held", "document", "pictures"]

_NAME = 255
"""Characters of a file's name that are kept."""

_FIELDS, _PART_HEADERS, _PART_HEADER = 64, 8, 4096
"""Of a form: parts that are no pictures; headers of a part; bytes of one. Each costs more time than
its bytes are worth."""


class Held:
    """A body that was read: its bytes count as held until the block ends."""

    def __init__(
        self, request: Request, admission: Admission, *, most: int, patience: float
    ) -> None:
        self._request = request
        self._admission = admission
        self._most = most
        self._patience = patience
        self._size = 0

    async def __aenter__(self) -> bytes:
        try:
            return await self._read()
        except BaseException:
            self._admission.let_go(self._size)
            self._admission.absent()
            raise

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        self._admission.let_go(self._size)
        # What was let in is not refused any more, but told that there is no room or no time.
        if isinstance(error, Refused):
            self._admission.absent()

    async def _read(self) -> bytes:
        said = self._request.headers.get("content-length")
        if said is not None:
            if not said.isdecimal():
                raise Refused(Problem(status=400, detail="Content-Length must be a number."))
            if int(said) > self._most:
                raise self._too_large()
            self._hold(int(said))
        chunks: list[bytes] = []
        count = 0
        try:
            async with asyncio.timeout(self._patience):
                async for chunk in self._request.stream():
                    count += len(chunk)
                    if count > self._most:
                        raise self._too_large()
                    if count > self._size:
                        self._hold(count - self._size)
                    chunks.append(chunk)
        except TimeoutError:
            detail = f"The body did not arrive within {self._patience:g} s."
            raise Refused(Problem(status=408, detail=detail)) from None
        except ClientDisconnect:
            raise
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _hold(self, size: int) -> None:
        self._admission.hold(size)
        self._size += size

    def _too_large(self) -> Refused:
        detail = f"A request may have {self._most / 1e6:g} MB."
        return Refused(Problem(status=413, detail=detail, kind="body"))


def pictures(body: bytes, content_type: str, *, most: int) -> list[Upload]:
    """The pictures in a body, by what its head says it is."""
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind.startswith("image/") or kind in _RAW:
        found = [Upload(content=body)]
    elif kind == "multipart/form-data":
        found = _form(body, parameters, most)
    elif kind == "application/json" or kind.endswith("+json"):
        found = _listed(document(body), most)
    else:
        raise Refused(Problem(status=415, detail=_KINDS, kind="content-type"))
    if not found:
        raise Refused(Problem(status=422, detail="There is no picture in it.", kind="empty"))
    for upload in found:
        if not upload.content:
            named = f" ({upload.name})" if upload.name else ""
            detail = f"A picture{named} has no bytes."
            raise Refused(Problem(status=422, detail=detail, kind="empty"))
    return found


_KINDS = (
    "Send a picture as it is (Content-Type: image/jpeg, image/png, …), pictures in a form "
    "(multipart/form-data), or JSON (application/json) with pictures in base64."
)


_RAW = ("application/octet-stream", "application/x-image")

_MANY = 100_000
"""Values in JSON that are objects of their own in memory, many times as large as their text."""


def document(body: bytes) -> Any:
    """JSON."""
    if len(body) > _MANY and sum(map(body.count, (b"[", b"{", b'"'))) > _MANY:
        detail = f"The JSON may have {_MANY} texts, lists and objects."
        raise Refused(Problem(status=413, detail=detail, kind="json"))
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(Problem(status=400, detail="The body is not JSON.", kind="json")) from None


def decoded(text: object, where: str) -> bytes:
    """The bytes in a text in base64; `data:image/png;base64,` may stand before it."""
    if not isinstance(text, str):
        raise Refused(Problem(status=422, detail=f"{where} must be a text in base64.", kind="json"))
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        # Also what has line breaks, as some programs write them.
        compact = "".join(text.split())
    try:
        return base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        detail = f"{where} is not base64. Addresses are not fetched: send the picture itself."
        raise Refused(Problem(status=422, detail=detail, kind="base64")) from None


def _listed(said: Any, most: int) -> list[Upload]:
    if not isinstance(said, dict) or "pictures" not in said:
        detail = 'The JSON must be an object with "pictures": a list of texts in base64.'
        raise Refused(Problem(status=422, detail=detail, kind="json"))
    listed = said["pictures"]
    if not isinstance(listed, list):
        raise Refused(Problem(status=422, detail='"pictures" must be a list.', kind="json"))
    _refuse_many(listed, most)
    found = []
    for place, one in enumerate(listed):
        where, name = f"pictures[{place}]", None
        if isinstance(one, dict):
            name, one = one.get("name"), one.get("data")
        shown = _shown(name) if isinstance(name, str) else None
        found.append(Upload(content=decoded(one, where), name=shown))
    return found


def _shown(name: str) -> str:
    """A name as it can be given back: JSON may hold halves of letters that UTF-8 has not."""
    return name[:_NAME].encode("utf-8", "replace").decode()


def _form(body: bytes, parameters: str, most: int) -> list[Upload]:
    _, options = parse_options_header(f"multipart/form-data;{parameters}")
    boundary = options.get(b"boundary")
    if not boundary:
        raise _broken_form()
    parts = _Parts(most)
    try:
        parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except Refused:
        raise
    except Exception:
        # Its errors share no base that says only this.
        raise _broken_form() from None
    if not parts.is_whole:
        raise _broken_form()
    return parts.found


def _broken_form() -> Refused:
    return Refused(Problem(status=400, detail="The form cannot be read.", kind="form"))


class _Parts:
    """The files of a form, as its parser comes upon them."""

    def __init__(self, most: int) -> None:
        self.found: list[Upload] = []
        self.is_whole = False
        self._most = most
        self._parts = self._headers = 0
        self._name: str | None = None
        self._is_file = False
        self._content: list[bytes] = []
        self._field = self._value = b""

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._whole,
        }

    def _begin(self) -> None:
        self._name, self._is_file, self._content = None, False, []
        self._parts, self._headers = self._parts + 1, 0
        if self._parts > self._most + _FIELDS:
            detail = f"A form may have {_FIELDS} fields beside its pictures."
            raise Refused(Problem(status=413, detail=detail, kind="form"))

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        name, value = self._field.lower(), self._value
        self._field = self._value = b""
        self._headers += 1
        if self._headers > _PART_HEADERS or len(name) + len(value) > _PART_HEADER:
            raise _broken_form()
        if name == b"content-disposition":
            _, options = parse_options_header(value)
            if b"filename" in options:
                self._is_file = True
                shown = options[b"filename"].decode("utf-8", "replace")
                self._name = shown[-_NAME:] or None
        elif name == b"content-type" and value.lower().startswith(b"image/"):
            self._is_file = True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._content.append(data[start:end])

    def _end(self) -> None:
        if self._is_file:
            self.found.append(Upload(content=b"".join(self._content), name=self._name))
            _refuse_many(self.found, self._most)

    def _whole(self) -> None:
        self.is_whole = True


def _refuse_many(found: Sequence[object], most: int) -> None:
    if len(found) > most:
        detail = f"A request may have {most} picture{'s' * (most > 1)} at most."
        raise Refused(Problem(status=413, detail=detail, kind="pictures"))
