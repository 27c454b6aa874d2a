"""What a person sees of an answer, and says to it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Route, expect

from tests.serving.pages.window import Visit, feedback, picture
from tests.serving.within import Within


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
