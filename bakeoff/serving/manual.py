"""The description of the service, arranged for a reader: chapters, and a line to try for each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["Chapter", "Entry", "chapters"]

Facts = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that can be asked."""

    method: str
    path: str
    id: str
    summary: str
    description: str
    parameters: tuple[tuple[str, str, str], ...]
    """Name, place, and what it is."""

    curl: str
    """A line for a shell."""

    takes: tuple[str, ...]
    """Kinds of bodies."""

    example: str
    """Of an answer, as JSON; empty where there is none."""

    answers: tuple[tuple[str, str], ...]
    """Statuses, and what they mean."""

    needs_key: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """Things that belong together."""

    name: str
    about: str
    entries: tuple[Entry, ...]


def chapters(api: Facts, *, at: str) -> list[Chapter]:
    """What `api` says, for a service at the address `at`."""
    entries: dict[str, list[Entry]] = {}
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            entries.setdefault(operation["tags"][0], []).append(
                _entry(method.upper(), path, operation, at)
            )
    return [
        Chapter(name=tag["name"], about=tag["description"], entries=tuple(entries[tag["name"]]))
        for tag in api["tags"]
    ]


def _entry(method: str, path: str, operation: Facts, at: str) -> Entry:
    needs_key = "security" in operation
    good = operation["responses"]["200"].get("content", {}).get("application/json", {})
    example = good.get("example")
    body = operation.get("requestBody", {}).get("content", {})
    return Entry(
        method=method,
        path=path,
        id=operation["operationId"],
        summary=operation["summary"],
        description=operation.get("description", ""),
        parameters=tuple(
            (one["name"], one["in"], one.get("description", ""))
            for one in operation.get("parameters", ())
        ),
        curl=_curl(method, f"{at}{path}", body, needs_key=needs_key),
        takes=tuple(body),
        example="" if example is None else json.dumps(example, indent=2, ensure_ascii=False),
        answers=tuple(
            (status, answer["description"]) for status, answer in operation["responses"].items()
        ),
        needs_key=needs_key,
    )


def _curl(method: str, address: str, body: Facts, *, needs_key: bool) -> str:
    words = ["curl"]
    if needs_key:
        words.append("-H 'Authorization: Bearer KEY'")
    if "multipart/form-data" in body:
        words.append("-F picture=@photo.jpg")
    elif method == "POST":
        given = body["application/json"].get("example")
        text = json.dumps(given, ensure_ascii=False).replace("'", "'\\''")
        words.append(f"-H 'Content-Type: application/json' -d '{text}'")
    # Braces mean something to curl; here they stand for what the reader puts in.
    return " ".join((*words, f"'{address}'" if "{" in address else address))
