"""The report in a real browser: what a reader sees, hears and can do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from bakeoff.data.dataset import load
from bakeoff.report.findings import Findings
from bakeoff.report.page import write_report
from bakeoff.report.side_by_side import side_by_side, side_by_side_page
from tests.report.bakeoffs import made

NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def chromium() -> str | None:
    """Where the browser is."""
    asked = os.environ.get("CHROMIUM")
    found = [asked] if asked else [shutil.which(name) for name in NAMES]
    return next((path for path in found if path), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    path = chromium()
    if path is None:
        why = "no Chromium: install it, or say where it is with CHROMIUM"
        if os.environ.get("BAKEOFF_REQUIRE_BROWSER"):
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of four contenders, one of them broken, with the pictures of the digits."""
    folder = tmp_path_factory.mktemp("bakeoff") / "one"
    dataset = load("digits")
    made(folder, 4, 2, dataset=dataset, crashed=1, leaked=3)
    return write_report(Findings.open(folder), dataset)


@dataclass
class Visit:
    """A page that is open, and what it did unasked."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def headers(self) -> dict[str, str | None]:
        """Columns of the scoreboard and how they are sorted."""
        script = "all => all.map(one => [one.textContent, one.getAttribute('aria-sort')])"
        return dict(self.page.locator("#board thead th").evaluate_all(script))

    def column(self, number: int) -> list[str]:
        """Values of a column of the scoreboard, from the top, where there are any."""
        script = (
            "(rows, number) => rows.map(row => row.cells[number]?.dataset.value)"
            ".filter(value => value !== undefined)"
        )
        found: list[str] = self.page.locator("#board tbody tr").evaluate_all(script, number)
        return found


@pytest.fixture
def visit(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """The page, opened; parametrised with what the browser is like."""
    context = browser.new_context(**getattr(request, "param", {}))
    context.set_default_timeout(10_000)
    page = context.new_page()
    opened = Visit(page=page)

    def hear(message: ConsoleMessage) -> None:
        opened.said.append(message.text)

    def see(one: Request) -> None:
        opened.asked.append(one.url)

    page.on("console", hear)
    page.on("pageerror", lambda error: opened.said.append(str(error)))
    page.on("request", see)
    page.goto(report.as_uri())
    yield opened
    context.close()


LIGHT: dict[str, Any] = {"color_scheme": "light"}
DARK: dict[str, Any] = {"color_scheme": "dark"}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
PLAIN = {"java_script_enabled": False}


def test_nothing_is_fetched_and_nothing_goes_wrong(visit: Visit, report: Path) -> None:
    """Through all that can be clicked, the page asks for itself alone and the console is silent."""
    page = visit.page
    page.locator("#theme").click()
    page.locator("#more").check()
    for button in page.locator("#board thead button").all():
        button.click()
    for label in page.locator(".switch label:visible").all():
        label.click()
    page.get_by_role("radio", name="resnet50", exact=True).check(force=True)
    for summary in page.locator("summary").all():
        summary.click()
    page.locator(".matrix:visible td button").last.click()
    assert visit.said == []
    assert [url for url in visit.asked if not url.startswith("data:")] == [report.as_uri()]


def test_the_page_could_not_fetch_if_it_wanted(visit: Visit) -> None:
    """The page's own policy forbids a picture from elsewhere and a script that was slipped in."""
    page = visit.page
    page.evaluate(
        "const one = document.createElement('img'); one.src = 'https://example.org/x.png';"
        "const two = document.createElement('script'); two.textContent = 'window.ran = true';"
        "document.body.append(one, two)"
    )
    page.wait_for_function("() => true")
    assert page.evaluate("window.ran") is None
    assert len([text for text in visit.said if "Content Security Policy" in text]) == 2


def test_a_cell_shows_its_pictures(visit: Visit) -> None:
    """A click on a cell of the confusion matrix shows the pictures behind it, with alternatives."""
    page = visit.page
    cell = page.locator(".matrix:visible td[data-cell='0-0'] button")
    cell.click()
    panel = page.locator(".behind:visible")
    assert panel.locator("h5").inner_text() == "0, seen as such"
    text = panel.locator("p").inner_text()
    found = re.fullmatch(r"(\d+) times over 2 seeds\. (\d+) of (\d+) pictures shown, .*", text)
    assert found, text
    assert found[1] == cell.inner_text()
    images = panel.locator("img").all()
    assert len(images) == int(found[2])
    assert all((image.get_attribute("alt") or "").startswith("0: ") for image in images)
    assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth)")
    assert cell.get_attribute("aria-pressed") == "true"
    assert panel.get_attribute("aria-live") == "polite"


def test_cells_are_reached_by_keyboard(visit: Visit) -> None:
    """One Tab stop for the matrix; arrows go on from there, over empty cells, and Enter chooses."""
    page = visit.page
    matrix = page.locator(".matrix:visible")
    assert matrix.locator("button[tabindex='0']").count() == 1
    matrix.locator("button[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    place = page.evaluate("document.activeElement.closest('td').dataset.cell")
    assert place.split("-")[0] != "0"
    assert page.evaluate("document.activeElement.tabIndex") == 0
    assert matrix.locator("button[tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    truth, said = place.split("-")
    title = f"{truth}, seen as such" if truth == said else f"{truth} taken for {said}"
    assert page.locator(".behind:visible h5").inner_text() == title
    assert page.evaluate("document.activeElement.tabIndex") == 0


def test_the_scoreboard_sorts(visit: Visit) -> None:
    """By click and by keyboard, both ways, said to screen readers; the broken stay at the end."""
    page = visit.page
    assert visit.headers()["accuracy"] == "descending"
    first = [float(value) for value in visit.column(1)]
    assert first == sorted(first, reverse=True)
    page.get_by_role("button", name="parameters").click()
    assert visit.headers()["parameters"] == "ascending"
    assert visit.headers()["accuracy"] is None
    place = list(visit.headers()).index("parameters")
    values = [float(value) for value in visit.column(place)]
    assert values == sorted(values)
    page.get_by_role("button", name="parameters").press("Enter")
    assert visit.headers()["parameters"] == "descending"
    assert [float(value) for value in visit.column(place)] == values[::-1]
    assert visit.column(0)[-1] == "broken-1"
    page.get_by_role("button", name="contender").press("Space")
    assert visit.column(0) == sorted(visit.column(0))
    assert visit.column(0)[0] == "broken-1"
    page.get_by_role("button", name="accuracy").click()
    assert visit.column(0)[-1] == "broken-1"


def test_more_columns_are_shown_on_demand(visit: Visit) -> None:
    """Layers, optimiser and the rest of that row come with a checkbox."""
    page = visit.page
    assert not page.get_by_role("columnheader", name="optimiser").is_visible()
    page.get_by_label("Show how each was made and more numbers").check()
    for name in ("layers", "dense layers", "epochs", "augmentation", "batch norm", "dropout"):
        assert page.get_by_role("columnheader", name=name, exact=False).first.is_visible()
    assert page.get_by_role("columnheader", name="optimiser").is_visible()


def test_contenders_are_chosen(visit: Visit) -> None:
    """By the chooser, by its keys, and by the scoreboard's links, one is shown at a time."""
    page = visit.page
    shown = page.locator(".contender:visible h3")
    assert shown.all_inner_texts() == ["resnet50 chosen"]
    page.get_by_role("radio", name="convnext_tiny", exact=True).check(force=True)
    assert shown.all_inner_texts()[0].startswith("convnext_tiny")
    page.keyboard.press("ArrowRight")
    assert shown.all_inner_texts() == ["cnn10"]
    page.locator("#board").get_by_role("link", name="linear-probe").click()
    assert shown.all_inner_texts() == ["linear-probe"]


def test_a_pair_is_put_into_words(visit: Visit) -> None:
    """Focus on a cell of the matrix of pairs is enough to read it in words."""
    page = visit.page
    words = page.locator("#pair-words")
    before = words.inner_text()
    page.locator("table.pairs td button").last.focus()
    assert words.inner_text() != before
    assert "linear-probe" in words.inner_text()


@pytest.mark.parametrize("visit", [LIGHT, DARK, PHONE | DARK], indirect=True)
def test_axe_finds_nothing(visit: Visit) -> None:
    """No rule of accessibility that a program can check is broken, everything opened."""
    page = visit.page
    page.locator("#more").check()
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", [LIGHT, PHONE | DARK])
def test_two_side_by_side(browser: Browser, tmp_path: Path, scheme: dict[str, Any]) -> None:
    """The page of two bake-offs is as quiet, as accessible and as narrow."""
    one = Findings.open(made(tmp_path / "one", 3, 1))
    two = Findings.open(made(tmp_path / "two", 2, 1, accuracies=(0.9, 0.6), crashed=1))
    path = tmp_path / "page.html"
    path.write_text(side_by_side_page(side_by_side(one, two)))
    context = browser.new_context(**scheme)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    for box in page.get_by_label("Show how each was made").all():
        box.check()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    width = page.evaluate("document.documentElement.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert said == []
    context.close()


@pytest.mark.parametrize("visit", [PHONE], indirect=True)
def test_a_telephone_shows_it_without_sideways_scrolling(visit: Visit) -> None:
    """At 360 pixels only tables scroll, within themselves; names break where they may."""
    page = visit.page
    page.locator("#more").check()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    heads = page.locator("table.pairs thead th span")
    text = "one => [...one.getClientRects()].length"
    assert heads.get_by_text("resnet50").evaluate(text) == 1


@pytest.mark.parametrize("visit", [PHONE | LIGHT], indirect=True)
def test_what_is_cut_off_fades(visit: Visit) -> None:
    """A table that is wider than the page fades where it goes on, can be reached by keyboard and
    has a name; one that fits does not fade."""
    page = visit.page
    after = "one => getComputedStyle(one).getPropertyValue('--after')"
    board = page.get_by_role("region", name="Scoreboard table")
    assert board.evaluate("one => one.scrollWidth > one.clientWidth")
    assert board.evaluate(after) == "41.6px"
    board.evaluate("one => one.scrollTo(one.scrollWidth, 0)")
    page.wait_for_function(f"({after})(document.querySelector('.scroll')) === '0px'")
    fits = page.get_by_role("region", name="Table of classes")
    assert fits.evaluate("one => one.scrollWidth === one.clientWidth")
    assert fits.evaluate(after) == "0px"
    inner = "all => all.filter(one => one.tabIndex !== 0 || !one.ariaLabel).length"
    assert page.locator(".scroll").evaluate_all(inner) == 0


@pytest.mark.parametrize("visit", [PLAIN], indirect=True)
def test_without_script_everything_is_there(visit: Visit) -> None:
    """Verdict, scoreboard, figures and every contender are visible; dead buttons are not."""
    page = visit.page
    assert page.locator(".paragraph").is_visible()
    assert page.locator("#board tbody tr").count() == 5
    assert page.locator(".contender:visible").count() == 5
    assert page.locator(".trade:visible").count() == 4
    assert page.locator("button:visible, .switch:visible").count() == 0
    page.get_by_label("Show how each was made").check()
    assert page.get_by_role("columnheader", name="optimiser").is_visible()


@pytest.mark.parametrize("visit", [LIGHT, DARK], indirect=True)
def test_the_colours_follow_the_system_and_the_button(visit: Visit) -> None:
    """The page begins as the system is, and the button turns it."""
    page = visit.page
    button = page.locator("#theme")
    paper = "getComputedStyle(document.body).backgroundColor"
    before, name = page.evaluate(paper), button.inner_text()
    button.click()
    assert page.evaluate(paper) != before
    assert {name, button.inner_text()} == {"Light", "Dark"}
    button.click()
    assert page.evaluate(paper) == before


def test_it_prints(visit: Visit) -> None:
    """On paper there are several pages, all contenders and all words; then all is as before."""
    page = visit.page
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 5
    assert page.locator("details[open]").count() == 0
    page.emulate_media(media="print")
    assert page.locator(".contender:visible").count() == 5
    assert page.locator("nav:visible, .switch:visible, #theme:visible").count() == 0


@pytest.mark.parametrize("visit", [{"reduced_motion": "reduce"}, {}], indirect=True)
def test_motion_is_reduced_on_request(visit: Visit) -> None:
    """Scrolling is smooth only for those who did not ask for less motion."""
    behaviour = visit.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
    asked = visit.page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    assert behaviour == ("auto" if asked else "smooth")
