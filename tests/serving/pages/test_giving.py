"""The ways to give the page a picture: keys, pasting, dropping, a camera, no script at all."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.serving.pages.window import Visit, feedback, picture
from tests.serving.within import Within


def test_a_sample_is_tried(visit: Visit) -> None:
    """The champion's own pictures are there to be clicked, with their labels."""
    page = visit.go()
    page.locator("#samples button").nth(2).click()
    label = page.locator("#samples button").nth(2).inner_text().strip()
    expect(visit.answer().locator(".file")).to_have_text(f"sample 3, labelled {label}")
    assert page.locator("#samples button").count() == 8


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
