"""The files that pages are made of: templates to fill in, and what is sent as it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["NAMES", "VERSION", "page", "same", "sent"]

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    content: bytes
    kind: str
    tag: str


def _read() -> dict[str, _File]:
    found = {}
    for path in resources.files("bakeoff.serving").joinpath("pages").iterdir():
        kind = _KINDS.get("." + path.name.rpartition(".")[2])
        if kind is not None:
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            found[path.name] = _File(content=content, kind=kind, tag=tag)
    return found


_FILES = _read()

NAMES = tuple(sorted(_FILES))

VERSION = hashlib.sha256("".join(sorted(file.tag for file in _FILES.values())).encode()).hexdigest()
"""Of all files together. It stands in their addresses, so that a browser keeps them and has new
ones the moment there are any: modules find each other beside themselves."""


def sent(request: Request, name: str, version: str | None = None) -> Response:
    """A file; `version` is what stands in its address, if anything does."""
    file = _FILES[name]
    keep = _FOREVER if version == VERSION else _ASK_AGAIN
    return same(request, file.content, file.kind, file.tag, keep)


def same(request: Request, content: bytes, kind: str, tag: str, keep: str) -> Response:
    """What may be there already: then its tag is enough."""
    headers = {"etag": tag, "cache-control": keep}
    known = request.headers.get("if-none-match", "")
    if tag in (one.strip().removeprefix("W/") for one in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=kind)


def page(
    template: str, /, *, policy: str | None = None, status: int = 200, **facts: object
) -> Response:
    """A page, filled in. It is made anew each time: another champion may answer by now."""
    text = _environment().get_template(template).render(version=VERSION, **facts)
    headers = {"cache-control": "no-store"}
    if policy is not None:
        headers["content-security-policy"] = policy
    return Response(text, status, headers, media_type="text/html")


@cache
def _environment() -> Environment:
    folder = resources.files("bakeoff.serving").joinpath("pages")
    return Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
