"""The page of suspected label errors: what it says, and what can be done on it in a browser."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from bakeoff.data.dataset import Dataset, load
from bakeoff.data.labels import read
from bakeoff.evaluation.label_errors import Suspects, suspects
from bakeoff.evaluation.predictions import Predictions
from bakeoff.report.label_page import label_page, sentence, suspects_csv
from tests.report.test_browser import DARK, LIGHT, PHONE, PLAIN, SWITCHES, chromium


@dataclass(frozen=True)
class Made:
    """A page, and what it is of: digits whose first five validation labels were moved by one."""

    path: Path
    dataset: Dataset
    predictions: Predictions
    suspects: Suspects


def told() -> tuple[Dataset, Predictions]:
    """Sure answers about the digits, and five wrong labels among them."""
    dataset = load("digits", classes={"3": 'th,"r"<ee'})
    random = np.random.default_rng(0)
    indices = dataset.split.val
    labels = dataset.labels[indices].copy()
    scores = random.normal(size=(len(labels), 10))
    scores[np.arange(len(labels)), labels] += random.uniform(4, 14, len(labels))
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    labels[:5] = (labels[:5] + 1) % 10
    return dataset, Predictions(
        indices=indices,
        labels=labels,
        probabilities=shares.astype(np.float32),
        classes=dataset.classes,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The page, written once."""
    dataset, predictions = told()
    rows = np.array([3, 0, 4, 1, 2])
    found = Suspects(
        pictures=len(predictions),
        errors=5.2,
        rows=rows,
        indices=predictions.indices[rows],
        given=predictions.labels[rows],
        suggested=predictions.predicted[rows],
        scores=np.array([0.99, 0.9, 0.8, 0.7, 0.6]),
    )
    path = tmp_path_factory.mktemp("labels") / "labels.html"
    path.write_text(label_page(dataset, predictions, found), encoding="utf-8")
    return Made(path, dataset, predictions, found)


def test_it_is_complete_in_itself(made: Made) -> None:
    """Suspects stand in their order with picture, labels and likelihood; nothing is fetched."""
    text = made.path.read_text(encoding="utf-8")
    names = [made.dataset.pictures.name(place) for place in made.suspects.indices.tolist()]
    places = [text.index(f'data-name="{name}"') for name in names]
    assert places == sorted(places)
    assert f"Of {len(made.predictions)} validation pictures, about 5 are thought" in text
    assert "th,&#34;r&#34;&lt;ee" in text
    assert "<ee" not in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


def test_without_suspects_it_says_so(made: Made) -> None:
    """A part with nothing to suspect gets a page that says that, and an empty table."""
    labels = made.predictions.predicted
    clean = replace(made.predictions, labels=labels)
    found = suspects(clean)
    text = label_page(made.dataset, clean, found)
    assert "✓ No label is more likely wrong than right." in text
    assert "fixed.csv</button>" not in text
    assert suspects_csv(made.dataset, found) == "name,given,suggested,label,score\n"


def test_how_many_and_of_how_many_it_can_be_told(made: Made) -> None:
    """The sentence names both numbers, in words that fit any of them."""

    def said(errors: float, *scores: float) -> str:
        rows = np.arange(len(scores))
        given: dict[str, Any] = {"rows": rows, "indices": rows, "given": rows, "suggested": rows}
        found = Suspects(pictures=2500, errors=errors, scores=np.array(scores), **given)
        return sentence(found, part="validation")

    head = "Of 2,500 validation pictures, "
    assert said(6.2, *[0.2] * 6) == (
        f"{head}about 6 are thought to bear a wrong label. The 6 likeliest are listed: about 1 of "
        "these should be wrong, and in the rest the network is."
    )
    assert said(2.0, 0.1, 0.1) == (
        f"{head}about 2 are thought to bear a wrong label. The 2 likeliest are listed: hardly any "
        "of these should be wrong."
    )
    assert said(1.2, 0.6) == (
        f"{head}about 1 is thought to bear a wrong label. The likeliest is listed: its label is "
        "wrong with a likelihood of 60.0%."
    )
    assert said(0.9) == f"{head}no label is suspected to be wrong."


def test_neighbours_stand_beside(made: Made) -> None:
    """Neighbours that are given take the place of typical pictures, with their labels."""
    near = {int(made.suspects.indices[0]): made.dataset.split.train[:2].tolist()}
    text = label_page(made.dataset, made.predictions, made.suspects, neighbours=near)
    assert text.count("Nearest pictures, by what the network sees") == 1
    assert text.count("<figcaption>") == 2
    assert "Typical of" not in text


def test_the_table_names_them_all(made: Made, tmp_path: Path) -> None:
    """The table has a row a suspect, undecided, that a dataset takes back unchanged."""
    path = tmp_path / "suspects.csv"
    path.write_text(suspects_csv(made.dataset, made.suspects), encoding="utf-8")
    rows = read(path)
    assert [row.label for row in rows] == [""] * 5
    given = made.suspects.given.tolist()
    assert [row.given for row in rows] == [made.dataset.classes[label] for label in given]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    path = chromium()
    if path is None:
        pytest.skip("no Chromium: install it, or say where it is with CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield started
        started.close()


@dataclass
class Visit:
    """An open page, what it said to the console and what it asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Browser, made: Made, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """The page, opened; parametrised with what the browser is like."""
    context = browser.new_context(**getattr(request, "param", {}))
    context.set_default_timeout(10_000)
    opened = Visit(context.new_page())
    opened.page.on("console", lambda message: opened.said.append(message.text))
    opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.page.on("request", lambda one: opened.asked.append(one.url))
    opened.page.goto(made.path.as_uri())
    yield opened
    context.close()


def downloaded(page: Page, tmp_path: Path) -> list[dict[str, str]]:
    """What the button gives."""
    with page.expect_download() as given:
        page.get_by_role("button", name="Download fixed.csv").click()
    assert given.value.suggested_filename == "fixed.csv"
    path = tmp_path / "fixed.csv"
    given.value.save_as(path)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_labels_are_decided_by_mouse(visit: Visit, made: Made, tmp_path: Path) -> None:
    """Every way to decide reaches the table; nothing is fetched, and the console stays silent."""
    page = visit.page
    item = page.locator(".suspects > li")
    item.nth(0).get_by_role("radio").nth(0).click()
    item.nth(1).get_by_role("radio").nth(1).click()
    item.nth(2).get_by_role("combobox").focus()
    item.nth(2).get_by_role("combobox").select_option('th,"r"<ee')
    item.nth(3).get_by_role("radio").nth(3).click()
    item.nth(4).get_by_role("radio").nth(3).click()
    item.nth(4).get_by_role("button", name="undecided again").click()
    assert page.get_by_role("status").inner_text() == "4 of 5 decided."
    rows = downloaded(page, tmp_path)
    wanted = [rows[0]["given"], rows[1]["suggested"], 'th,"r"<ee', "-", ""]
    assert [row["label"] for row in rows] == wanted
    plain = suspects_csv(made.dataset, made.suspects)
    table = [",".join(row) for row in csv.reader(plain.splitlines())][1:]
    assert [",".join({**row, "label": ""}.values()) for row in rows] == table
    assert visit.said == []
    own = [url for url in visit.asked if not url.startswith(("data:", "blob:"))]
    assert own == [made.path.as_uri()]


def test_labels_are_decided_by_keyboard(visit: Visit, tmp_path: Path) -> None:
    """j and k go on and back, figures decide, Tab and Space do too."""
    page = visit.page
    for key in ("j", "2", "j", "1", "j", "4", "k", "0", "j", "j", "3"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    page.keyboard.press("ArrowDown")
    rows = downloaded(page, tmp_path)
    labels = [row["label"] for row in rows]
    assert labels == [rows[0]["suggested"], "", "-", "0", ""]
    page.get_by_role("radio").nth(4).focus()
    page.keyboard.press("Space")
    assert downloaded(page, tmp_path)[1]["label"] == rows[1]["given"]


@pytest.mark.parametrize("visit", [LIGHT, DARK, PHONE | DARK], indirect=True)
def test_axe_finds_nothing(visit: Visit) -> None:
    """No rule of accessibility that a program can check is broken, and nothing scrolls sideways."""
    visit.page.keyboard.press("j")
    visit.page.keyboard.press("2")
    found = Axe().run(visit.page)
    assert found.violations_count == 0, found.generate_report()
    width = visit.page.evaluate("document.documentElement.clientWidth")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("visit", [PLAIN], indirect=True)
def test_without_script_all_is_to_be_seen(visit: Visit) -> None:
    """Pictures and words are there; what could not work is not, and what to do instead is said."""
    page = visit.page
    assert page.locator(".suspects img:visible").count() == 5
    assert page.locator("meter:visible").count() >= 5 * 4
    assert page.locator("button:visible, input:visible, select:visible").count() == 0
    assert page.get_by_text("fill in the column").is_visible()


def test_the_page_could_not_fetch_if_it_wanted(visit: Visit) -> None:
    """Its own policy forbids a picture from elsewhere."""
    script: Any = (
        "const one = document.createElement('img'); one.src = 'https://example.org/x.png';"
        "document.body.append(one)"
    )
    visit.page.evaluate(script)
    visit.page.wait_for_function("() => true")
    assert ["Content Security Policy" in text for text in visit.said] == [True]
