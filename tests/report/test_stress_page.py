"""A stress test as a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from bakeoff.data.corrupt import STRAINS
from bakeoff.data.dataset import load
from bakeoff.data.encode import data_uri
from bakeoff.evaluation.intervals import wilson
from bakeoff.evaluation.slices import by_class, quarters, sliced
from bakeoff.evaluation.stress import Duplicates, Stressed, mean_of, row
from bakeoff.report.stress_page import Labels, Samples, samples, stress_page
from bakeoff.spec.image import Preprocess
from tests.report.test_audit_page import VOID, outline
from tests.report.test_browser import DARK, LIGHT, PHONE, SWITCHES, chromium

VOID |= {"link", "rect", "polygon", "polyline"}

CLASSES = ("<b>cat", "dog")


def found(only: tuple[str, ...] | None = None) -> Stressed:
    """A stress test of 200 pictures, one class of which fares worse."""
    random = np.random.default_rng(0)
    labels = np.arange(1000) % 2
    clean = random.random(1000) < np.where(labels == 0, 0.7, 0.95)
    tables = {
        name: np.stack([random.random(200) < 0.9 - 0.1 * step for step in range(len(one.steps))])
        for name, one in STRAINS.items()
        if only is None or name in only
    }
    groups = [*by_class(labels, CLASSES), *quarters(random.random(1000) * 255, "brightness")]
    return Stressed(
        champion="cnn10",
        engine="torch cpu float32",
        data="<i>photos",
        digest="d" * 64,
        part="val",
        pictures=200,
        side=8,
        seed=0,
        clean=wilson(int(clean[:200].sum()), 200),
        rows=tuple(
            row(name, STRAINS[name].kind, STRAINS[name].steps, table)
            for name, table in tables.items()
        ),
        corruption=mean_of(tables, list(STRAINS)[:15]),
        whole=wilson(int(clean.sum()), 1000),
        duplicates=Duplicates(leaked=3, without=wilson(800, 997)),
        slices=sliced(clean, groups),
        notes=("Something to know.",),
    )


@pytest.fixture
def shown() -> Samples:
    """One picture that stands for all."""
    picture = data_uri(np.zeros((8, 8, 3), np.uint8), "webp")
    worse = {
        name: tuple((step, picture) for step in one.steps[:3]) for name, one in STRAINS.items()
    }
    return Samples(side=96, small=True, plain=picture, worse=worse)


def test_the_page_is_complete_in_itself(shown: Samples) -> None:
    """Nothing is fetched, nothing runs, and a picture stands under every strain."""
    page = stress_page(found(), shown)
    told = outline(page)
    assert not re.search(r"https?:|url\(|@import|<link rel=\"style|<script", page)
    assert all((image["src"] or "").startswith("data:image/webp") for image in told.all("img"))
    assert len(told.all("img")) == 1 + 3 * len(STRAINS)
    assert len(page) < 500_000


def test_every_figure_is_on_it(shown: Samples) -> None:
    """Each strain at each step with its interval, sentences, notes, slices and labels."""
    facts = found()
    labels = Labels(text="Of 10 pictures, 1 is suspected.", page="labels.html")
    text = " ".join(" ".join(outline(stress_page(facts, shown, labels)).text).split())
    for one in facts.rows:
        for cell in one.cells:
            low, high = 100 * cell.accuracy.low, 100 * cell.accuracy.high
            assert f"{100 * cell.accuracy.value:.1f}% {low:.1f}–{high:.1f}" in text
    for sentence in (*facts.sentences, *facts.notes, labels.text):
        assert sentence in text
    assert "<b>cat 500" in text
    assert "▼ worse" in text
    assert "no figure should be set beside one of CIFAR-10-C or ImageNet-C" in text


def test_a_page_of_few_strains() -> None:
    """Without corruptions, or without the others, their tables are not there."""
    page = stress_page(found(("rotation",)))
    assert "Common corruptions" not in page
    assert "Accuracy as they are" in page
    assert "In other hands" not in stress_page(found(("fog",)))


def test_what_is_lost_is_the_deeper_in_colour() -> None:
    """A cell is coloured by the share of the clean accuracy that is lost there."""
    page = stress_page(found(("fog",)))
    cells = re.findall(r'<td(?: class="w(\d)")?>[\d.]+%<small>', page)[:5]
    assert [int(one or 0) for one in cells] == sorted(int(one or 0) for one in cells)
    assert int(cells[4]) > int(cells[0] or 0)


def test_the_sample_is_of_validation() -> None:
    """A test picture is not shown, also where it was the test part that was looked at."""
    dataset = load("digits")
    facts = found(("fog",))
    one = samples(dataset, Preprocess(size=8), facts)
    object.__setattr__(facts, "part", "test")
    assert samples(dataset, Preprocess(size=8), facts) == one
    assert [step for step, _ in one.worse["fog"]] == ["1", "3", "5"]


def test_headings_go_down_in_order(shown: Samples) -> None:
    """One title, and no level left out."""
    told = outline(stress_page(found(), shown))
    levels = [int(tag[1]) for tag, _ in told.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


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


@pytest.mark.parametrize("look", [LIGHT, DARK, PHONE | DARK])
def test_it_can_be_used_by_all(
    browser: Browser, shown: Samples, look: dict[str, Any], tmp_path: Path
) -> None:
    """No finding of the accessibility checker, and nothing wider than the window; light, dark and
    on a telephone."""
    file = tmp_path / "stress.html"
    file.write_text(stress_page(found(), shown), encoding="utf-8")
    # The checker runs in the page, whose own rules let nothing run.
    context = browser.new_context(bypass_csp=True, **look)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    told = Axe().run(page)
    assert told.violations_count == 0, told.generate_report()
    context.close()
