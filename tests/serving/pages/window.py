"""A browser's window on a service, and what a person does in it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.champion import made
from tests.serving.within import Within

__all__ = ["DESK", "PHONE", "Visit", "feedback", "picture", "visiting"]

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}

_NETWORK = re.compile(r"Failed to load resource: the server responded with a status of (422|503)")
"""What the browser itself says of an answer that the page then puts into words."""


@dataclass
class Visit:
    """A browser's window, and what it did unasked."""

    page: Page
    at: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, path: str = "") -> Page:
        """Open one of the service's pages."""
        self.page.goto(self.at + path)
        return self.page

    def put(self, *files: tuple[str, bytes]) -> None:
        """Choose files."""
        given: Any = [{"name": n, "mimeType": "image/png", "buffer": c} for n, c in files]
        self.page.set_input_files("#file", given)

    def answer(self, place: int = 0) -> Locator:
        """One of the gallery, when it is answered."""
        found = self.page.locator(".answer").nth(place)
        expect(found.locator(".found")).to_be_visible()
        return found


@contextmanager
def visiting(browser: Browser, service: Within, like: dict[str, Any]) -> Iterator[Visit]:
    """A window that is like this; it stays quiet and at home."""
    context = browser.new_context(**like)
    context.set_default_timeout(15_000)
    page = context.new_page()
    opened = Visit(page=page, at=f"http://127.0.0.1:{service.port}/")
    page.on("console", lambda message: opened.said.append(message.text))
    page.on("pageerror", lambda error: opened.said.append(str(error)))
    page.on("request", lambda one: opened.asked.append(one.url))
    yield opened
    context.close()
    assert [text for text in opened.said if not _NETWORK.match(text)] == []
    assert [url for url in opened.asked if not url.startswith((opened.at, "data:", "blob:"))] == []


def picture(seed: int = 0) -> bytes:
    """A small one."""
    return made.encoded(made.picture(seed % 3, seed))


def feedback(service: Within, id_: str) -> tuple[int, str | None] | None:
    """What the journal holds of an answer."""
    where = service.service.settings.journal
    with closing(sqlite3.connect(str(where))) as base:
        query = "select correct, label from feedback where id = ?"
        found: tuple[int, str | None] | None = base.execute(query, (id_,)).fetchone()
        return found
