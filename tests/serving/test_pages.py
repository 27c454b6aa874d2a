"""The pages of a service in a real browser: what a person sees, hears and can do."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from bakeoff.serving.drift import Figure
from bakeoff.serving.keys import add
from tests.champion import made
from tests.report.test_browser import SWITCHES, chromium
from tests.serving.within import Within, within

pytest.importorskip("onnxruntime")

CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
PAGES = ("", "card", "watch", "docs")
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
LIGHT: dict[str, Any] = {"color_scheme": "light"}
DARK: dict[str, Any] = {"color_scheme": "dark"}

_NETWORK = re.compile(r"Failed to load resource: the server responded with a status of (422|503)")
"""What the browser itself says of an answer that the page then puts into words."""


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
        started = playwright.chromium.launch(executable_path=path, args=[*SWITCHES, *CAMERA])
        yield started
        started.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Within]:
    """A service with a journal in `journal.db`."""
    folder = tmp_path_factory.mktemp("service")
    champion = made.with_graph(folder / "champion")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_DATA", str(folder / "cache"))
        with within(champion, ui="own", journal=str(folder / "journal.db")) as found:
            yield found


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


@pytest.fixture
def visit(browser: Browser, service: Within, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A window, parametrised with what it is like; it stays quiet and at home."""
    yield from _visit(browser, service, getattr(request, "param", DESK))


def _visit(browser: Browser, service: Within, like: dict[str, Any]) -> Iterator[Visit]:
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


def test_a_picture_is_answered_and_judged(visit: Visit, service: Within) -> None:
    """An upload is answered with a label and bars; what is said of it goes to the journal, and may
    be said otherwise."""
    page = visit.go()
    with page.expect_response("**/predict*") as caught:
        visit.put(("one.png", picture()))
    said = caught.value.json()
    answer = visit.answer()
    told = said["predictions"][0]
    expect(answer.locator("h3")).to_have_text(f"{told['label']} {100 * told['probability']:.1f} %")
    expect(answer.locator(".bars li")).to_have_count(3)
    values = answer.locator("progress").evaluate_all("all => all.map(one => one.value)")
    assert values == pytest.approx([one["probability"] for one in told["top"]], abs=1e-6)
    expect(page.locator("#said")).to_contain_text(f"one.png: {told['label']}")
    assert page.evaluate("[...document.images].every(one => one.complete)")

    answer.get_by_role("button", name="Wrong").click()
    right = told["top"][1]["label"]
    expect(answer.locator("select")).to_be_focused()
    expect(answer.locator("select")).to_have_value(right)
    answer.get_by_role("button", name="Send").click()
    expect(answer.locator(".thanks")).to_contain_text(f"Noted: wrong, it is {right}.")
    assert feedback(service, said["id"]) == (0, right)

    answer.get_by_role("button", name="Right").click()
    expect(answer.locator(".thanks")).to_contain_text("Noted: right.")
    expect(answer.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")
    expect(answer.get_by_role("button", name="Wrong")).to_have_attribute("aria-pressed", "false")
    assert feedback(service, said["id"]) == (1, None)


def test_a_class_that_nobody_thought_of(visit: Visit, service: Within) -> None:
    """What is right may be something else than any of the classes."""
    page = visit.go()
    with page.expect_response("**/predict*") as caught:
        visit.put(("one.png", picture()))
    answer = visit.answer()
    answer.get_by_role("button", name="Wrong").click()
    answer.locator("select").select_option(label="something else …")
    answer.get_by_label("What it is").fill("a boat")
    answer.get_by_label("What it is").press("Enter")
    expect(answer.locator(".thanks")).to_contain_text("a boat")
    assert feedback(service, caught.value.json()["id"]) == (0, "a boat")


def test_where_it_looked(visit: Visit) -> None:
    """An overlay takes the picture's place, says what it shows, and goes away again."""
    visit.go()
    visit.put(("one.png", picture()))
    answer = visit.answer()
    button = answer.get_by_role("button", name="Where did it look?")
    button.click()
    overlay = answer.locator(".overlay")
    expect(overlay).to_be_visible()
    assert overlay.evaluate("async one => { await one.decode(); return one.naturalWidth }") >= 200
    expect(overlay).to_have_attribute("alt", re.compile("speaks? for"))
    expect(answer.locator("img").first).to_be_hidden()
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(overlay).to_be_hidden()
    expect(answer.locator("img").first).to_be_visible()


def test_by_keyboard_alone(visit: Visit, service: Within) -> None:
    """Choosing, the overlay, wrong, the right class and sending: Tab, Enter, Space and arrows."""
    page = visit.go()
    # What looks out for choosers takes a moment to begin: let it begin here.
    page.on("filechooser", lambda chooser: None)
    expect(page.locator("#samples button").first).to_be_visible()

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("one => document.activeElement.matches(one)", selector):
                outline = "getComputedStyle(document.activeElement).outlineStyle"
                shown = "document.activeElement.nextElementSibling"
                beside = f"getComputedStyle({shown} ?? document.body).outlineStyle"
                assert "solid" in (page.evaluate(outline), page.evaluate(beside))
                return
        raise AssertionError(f"Tab never comes to {selector}")

    tab_to(".skip")
    tab_to("#file")
    with page.expect_file_chooser() as chooser, page.expect_response("**/predict*") as caught:
        page.keyboard.press("Enter")
        chooser.value.set_files({"name": "one.png", "mimeType": "image/png", "buffer": picture()})
    visit.answer()
    tab_to(".explain")
    page.keyboard.press("Enter")
    expect(page.locator(".overlay")).to_be_visible()
    tab_to(".no")
    page.keyboard.press("Space")
    expect(page.locator("select")).to_be_focused()
    page.keyboard.press("ArrowDown")
    chosen = page.locator("select").input_value()
    tab_to(".correction button")
    page.keyboard.press("Enter")
    expect(page.locator(".thanks")).to_contain_text(chosen)
    expect(page.locator(".no")).to_be_focused()
    assert feedback(service, caught.value.json()["id"]) == (0, chosen)
    assert chosen


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_pasting_and_dropping(visit: Visit, way: str) -> None:
    """A picture may be pasted or dropped anywhere on the page; what is none is complained of."""
    page = visit.go()
    script = """([way, bytes]) => {
        const data = new DataTransfer();
        if (bytes) data.items.add(new File([new Uint8Array(bytes)], "in.png", {type: "image/png"}));
        const how = {bubbles: true, cancelable: true, clipboardData: data, dataTransfer: data};
        const event = way === "paste" ? new ClipboardEvent(way, how) : new DragEvent(way, how);
        document.body.dispatchEvent(event);
        return event.defaultPrevented;
    }"""
    page.evaluate(script, [way, None])
    words = {"paste": "There was no picture in what was pasted.", "drop": "That was no file"}[way]
    expect(page.locator("#notice")).to_contain_text(words)
    assert page.evaluate(script, [way, list(picture())]) == (way == "drop")
    expect(visit.answer().locator(".file")).to_have_text("in.png")
    expect(page.locator("#notice")).to_be_hidden()


def test_a_sample_is_tried(visit: Visit) -> None:
    """The champion's own pictures are there to be clicked, with their labels."""
    page = visit.go()
    page.locator("#samples button").nth(2).click()
    label = page.locator("#samples button").nth(2).inner_text().strip()
    expect(visit.answer().locator(".file")).to_have_text(f"sample 3, labelled {label}")
    assert page.locator("#samples button").count() == 8


def test_a_gallery_with_a_broken_one(visit: Visit) -> None:
    """Of several pictures each has its answer, in their order; one that is broken has a reason."""
    page = visit.go()
    visit.put(*[(f"{n}.png", picture(n)) for n in range(4)], ("broken.png", picture()[:90]))
    expect(page.locator(".answer h3").filter(has_text="%")).to_have_count(4)
    broken = page.locator(".answer").nth(4)
    expect(broken.locator(".wrong")).to_contain_text("picture")
    expect(broken.locator(".found")).to_be_hidden()
    expect(broken.locator(".again")).to_be_hidden()
    names = page.locator(".answer .file").all_inner_texts()
    assert names == ["0.png", "1.png", "2.png", "3.png", "broken.png"]
    expect(page.locator("#said")).to_have_text("5 pictures are answered.")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".answer")).to_have_count(0)
    expect(page.locator("#file")).to_be_focused()


def test_a_full_service_is_asked_again(visit: Visit) -> None:
    """503 is said in words with the seconds that are left, and is asked again by itself."""
    page = visit.go()
    asked = 0

    def full(route: Route) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            route.continue_()
            return
        body = json.dumps({"status": 503, "detail": "More is asked than can be answered."})
        route.fulfill(status=503, headers={"retry-after": "1"}, body=body)

    page.route("**/predict*", full)
    visit.put(("one.png", picture()))
    words = "More is asked than can be answered. It is asked again in 1 s."
    expect(page.locator(".waiting")).to_have_text(words)
    visit.answer()
    expect(page.locator(".waiting")).to_be_hidden()
    assert asked == 2


def test_none_of_these_is_said_in_words(visit: Visit) -> None:
    """What is like none of the classes says so above its answer, and what that means."""
    page = visit.go()

    def unknown(route: Route) -> None:
        response = route.fetch()
        told = response.json()
        told["predictions"][0]["none_of_these"] = True
        route.fulfill(response=response, json=told)

    page.route("**/predict*", unknown)
    visit.put(("one.png", picture()))
    expect(visit.answer().locator(".none")).to_contain_text("not to be relied on")
    expect(page.locator("#said")).to_contain_text("none of these; nearest")


def test_another_champion_answers(visit: Visit, service: Within) -> None:
    """When an answer is another champion's, the page learns of it: classes, samples, its name."""
    page = visit.go()
    expect(page.locator("#samples button").first).to_be_visible()
    digest = service.service.live.current.champion.digest
    expect(page.locator("#model")).to_have_attribute("title", digest)

    def swapped(route: Route) -> None:
        response = route.fetch()
        told = response.json()
        if "model" in told:
            told["model"]["digest"] = "f" * 64
        else:
            told |= {"digest": "f" * 64, "samples": ["other"]}
        route.fulfill(response=response, json=told)

    page.route("**/predict*", swapped)
    page.route("**/page.json", swapped)
    visit.put(("one.png", picture()))
    expect(page.locator("#model")).to_have_attribute("title", "f" * 64)
    expect(page.locator("#samples button")).to_have_text(["other"])


def test_a_large_picture_is_made_smaller(visit: Visit) -> None:
    """What is wider than 4,000 pixels is sent as a smaller JPEG, and that is said."""
    page = visit.go()
    buffer = io.BytesIO()
    Image.new("RGB", (4200, 40), (200, 10, 10)).save(buffer, "PNG")
    with page.expect_request("**/predict*") as caught:
        visit.put(("wide.png", buffer.getvalue()))
    assert caught.value.headers["content-type"] == "image/jpeg"
    line = visit.answer().locator(".facts-line")
    expect(line).to_contain_text("4200×40 to 2048×20")


def test_photographing(visit: Visit) -> None:
    """With a camera a picture is taken in a dialog, and the camera is let go of."""
    page = visit.go()
    page.get_by_role("button", name="Photograph").click()
    dialog = page.get_by_role("dialog", name="Photograph")
    expect(dialog).to_be_visible()
    expect(page.locator("video")).not_to_have_js_property("videoWidth", 0)
    dialog.get_by_role("button", name="Take it").click()
    expect(visit.answer().locator(".file")).to_have_text("photograph.jpg")
    assert page.evaluate("document.querySelector('video').srcObject") is None


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


@pytest.mark.parametrize("visit", [{"java_script_enabled": False}], indirect=True)
def test_without_script(visit: Visit) -> None:
    """A form that is sent is answered with the page, the picture and its classes on it, or with
    what is wrong."""
    page = visit.go()
    expect(page.locator("button:visible")).to_have_count(1)
    visit.put(("one.png", picture()))
    page.get_by_role("button", name="Answer").click()
    expect(page.locator(".answer h3")).to_have_text(re.compile(r"\w+ \d+\.\d %"))
    expect(page.locator(".answer .bars li")).to_have_count(3)
    expect(page.locator(".answer img")).to_be_visible()
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("alert")).to_contain_text("has no bytes")
    visit.put(("one.png", b"broken"))
    page.get_by_role("button", name="Answer").click()
    expect(page.locator(".answer .error")).to_contain_text("is not a picture")


def test_watching(visit: Visit, service: Within) -> None:
    """What is answered is seen in the charts; a page that is not seen asks for nothing."""
    page = visit.page
    page.clock.install()
    visit.go("watch")
    expect(page.locator("#facts")).to_contain_text("champion")
    for seed in range(5):
        service.post("/predict", picture(seed))
    service.post("/predict", b"broken")
    page.clock.run_for(2_100)
    legend = page.locator("#requests .legend")
    expect(legend).to_contain_text("answered")
    rate = re.search(r"answered: ([\d.]+)", legend.inner_text())
    assert rate is not None
    assert float(rate[1]) > 0
    assert page.locator("#latency svg").get_attribute("aria-label") is not None
    expect(page.locator("#latency .legend")).to_contain_text(re.compile(r"median: \d"))
    expect(page.locator("#classes li")).to_have_count(3)
    expect(page.locator("#journal")).to_contain_text("ok")
    page.locator("#table summary").click()
    expect(page.locator("#table tbody tr").first).to_be_visible()

    def readings() -> int:
        return len([url for url in visit.asked if url.endswith("watch.json")])

    script = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(script, True)
    before = readings()
    page.clock.run_for(20_000)
    assert readings() == before
    page.evaluate(script, False)
    with page.expect_response("**/watch.json"):
        page.clock.run_for(2_100)


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
