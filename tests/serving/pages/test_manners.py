"""All pages: nobody is shut out, nothing is fetched from elsewhere, no key is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from bakeoff.serving.drift import Figure
from bakeoff.serving.keys import add
from tests.serving.pages.window import DESK, PHONE, Visit, picture
from tests.serving.within import Within, within

PAGES = ("", "card", "watch", "docs")
LIGHT: dict[str, Any] = {"color_scheme": "light"}
DARK: dict[str, Any] = {"color_scheme": "dark"}


@pytest.mark.parametrize(
    "visit", [one | two for one in (DESK, PHONE) for two in (LIGHT, DARK)], indirect=True
)
def test_axe_finds_nothing(visit: Visit, service: Within) -> None:
    """No rule of accessibility that a program can check is broken on any page, nothing is wider
    than the window, and no style is needed that the page's policy forbids."""
    figure = {"name": "classes", "value": 0.5, "n": 500, "words": "strong drift in something"}
    service.service.recording.figures = (Figure(verdict="strong", **figure),)  # type: ignore[arg-type]
    for path in PAGES:
        page = visit.go(path)
        if path == "":
            visit.put(("one.png", picture()), ("broken.png", b"broken"))
            visit.answer()
            expect(page.locator(".wrong:visible")).to_have_count(1)
            page.get_by_role("button", name="Wrong").click()
        if path == "watch":
            expect(page.locator("#latency svg")).to_be_visible()
            page.locator("#table summary").click()
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide == page.evaluate("document.documentElement.clientWidth"), path


def test_the_page_could_not_fetch_from_elsewhere(visit: Visit) -> None:
    """The policy forbids a picture from elsewhere and a script that was slipped in."""
    page = visit.go()
    page.evaluate(
        "const one = document.createElement('img'); one.src = 'https://example.org/x.png';"
        "const two = document.createElement('script'); two.textContent = 'window.ran = true';"
        "document.body.append(one, two)"
    )
    page.wait_for_function("() => true")
    assert page.evaluate("window.ran") is None
    assert len([text for text in visit.said if "Content Security Policy" in text]) == 2
    visit.said.clear()
    visit.asked.clear()


def test_a_key_is_asked_for(browser: Browser, service: Within, tmp_path: Path) -> None:
    """Where the service asks for keys, so does the page: a wrong one is said to be wrong, a right
    one opens it, and none is kept anywhere."""
    file = str(tmp_path / "keys")
    key = add(file, "me")
    with within(Path(str(service.service.settings.champion)), ui="own", keys=file) as closed:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(f"http://127.0.0.1:{closed.port}/")
        field = page.get_by_label("This service asks for a key")
        expect(field).to_be_focused()
        field.fill("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#key-wrong")).to_have_text("This key opens nothing here.")
        field.fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("#samples img").first).to_be_visible()
        page.locator("#samples button").first.click()
        expect(page.locator(".found")).to_be_visible()
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0
        assert context.cookies() == []
        page.goto(f"http://127.0.0.1:{closed.port}/watch")
        page.get_by_label("This service asks for a key").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("#charts")).to_be_visible()
        context.close()
        for path in ("/page.json", "/watch.json", "/samples/0"):
            assert closed.ask("GET", path).status == 401
