"""The audit as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from bakeoff.data.audit import audit
from bakeoff.data.dataset import Dataset, load
from bakeoff.report.audit_page import CLASSES, SAMPLES, audit_page
from tests.pictures import encoded, folder_of_digits, photograph

VOID = {"meta", "img", "line", "circle"}


class Outline(HTMLParser):
    """What a page is made of, and whether its tags match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def outline(page: str) -> Outline:
    """The page, parsed."""
    found = Outline()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def page_of(dataset: Dataset) -> str:
    """The page of a dataset."""
    return audit_page(dataset, audit(dataset))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photographs of two sizes in two parts, with a copy across them and a broken file."""
    root = tmp_path / "photos"
    for part, count in (("train", 12), ("test", 6)):
        for place, label in enumerate(("cat", "dog")):
            folder = root / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                seed = number + 100 * place + 1000 * (part == "test")
                picture = photograph(200 if number % 2 else 48, 48, seed=seed)
                (folder / f"{number}.png").write_bytes(encoded(picture))
    with Image.open(root / "test/cat/1.png") as picture:
        darker = ImageEnhance.Brightness(picture).enhance(0.7)
    (root / "train/cat/again.png").write_bytes(encoded(darker))
    (root / "train/cat/bad.png").write_bytes(b"not a picture")
    (root / "train/dog/blank.png").write_bytes(encoded(Image.new("RGB", (48, 48), "white")))
    return root


def test_the_page_is_complete_in_itself(photos: Path) -> None:
    """Nothing is fetched: no address but those that hold their content, and no script."""
    page = page_of(load(photos, max_broken=1))
    found = outline(page)
    assert not re.search(r"https?:|url\(|@import|<link|<script", page)
    assert all((image["src"] or "").startswith("data:image/") for image in found.all("img"))
    assert page.startswith("<!doctype html>")
    assert len(page) < 2_000_000


def test_what_was_found_is_on_the_page(photos: Path) -> None:
    """Findings, duplicates with their parts, sizes, odd and broken pictures are all there."""
    dataset = load(photos, max_broken=1)
    text = " ".join(" ".join(outline(page_of(dataset)).text).split())
    for finding in audit(dataset).findings:
        assert finding.text in text
    assert "across train and test" in text
    assert "train/cat/again.png" in text
    assert "Nearly blank 1" in text
    assert "train/cat/bad.png cat is not a picture" in text.replace("  ", " ")
    assert dataset.digest in text
    assert "width, pixels" in text


def test_sealed_pictures_are_not_among_the_samples(photos: Path) -> None:
    """Only training and validation pictures are shown, but for copies of them in test."""
    dataset = load(photos, max_broken=1)
    titles = {image["title"] for image in outline(page_of(dataset)).all("img")}
    assert titles & {dataset.pictures.name(i) for i in dataset.split.test} == {"test/cat/1.png"}
    assert {dataset.pictures.name(i) for i in dataset.split.train} <= titles
    text = " ".join("".join(outline(page_of(dataset)).text).split())
    assert "Elongated 19, 12 shown" in text


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    """A class or file that is called like a tag is shown as text."""
    root = tmp_path / "<b>bold"
    for number, label in enumerate(("<script>alert(1)", '" onload="x')):
        (root / label).mkdir(parents=True)
        for place in range(12):
            picture = photograph(32, 32, seed=100 * number + place)
            (root / label / f"<i>{place}.png").write_bytes(encoded(picture))
    page = page_of(load(root))
    found = outline(page)
    assert {"script", "b", "i"} & {tag for tag, _ in found.tags} <= {"i"}
    assert all(set(one) <= {"class", "style"} for one in found.all("i"))
    assert not any("onload" in attributes for _, attributes in found.tags)
    assert "<script>alert(1)" in "".join(found.text)


def test_the_page_can_be_read_aloud(photos: Path) -> None:
    """Language, title, headings in order, alternatives for pictures, captions and headers."""
    found = outline(page_of(load(photos, max_broken=1)))
    assert found.all("html")[0]["lang"] == "en"
    assert found.all("title")
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(image["alt"] for image in found.all("img"))
    assert len(found.all("caption")) == len(found.all("table")) > 1
    assert all(header["scope"] in ("row", "col") for header in found.all("th"))
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in found.all("svg"))


def test_a_clean_dataset_says_so(tmp_path: Path) -> None:
    """No findings, duplicates or broken pictures: the page says it in words."""
    root = tmp_path / "clean"
    for number, label in enumerate(("cat", "dog")):
        (root / label).mkdir(parents=True)
        for place in range(40):
            content = encoded(photograph(32, 32, seed=100 * number + place))
            (root / label / f"{place}.png").write_bytes(content)
    text = " ".join(" ".join(outline(page_of(load(root))).text).split())
    assert "✓ Nothing to worry about was found." in text
    assert text.count("None found.") == 2
    assert "None: every picture could be read." in text
    assert "All pictures are 32×32 pixels." in text


def test_the_same_dataset_makes_the_same_page(tmp_path: Path) -> None:
    """Samples are chosen by content, not by chance."""
    root = folder_of_digits(tmp_path / "digits")
    assert page_of(load(root)) == page_of(load(root))


def test_many_classes_stay_within_bounds(tmp_path: Path) -> None:
    """With more classes than fit, some are shown and the rest counted."""
    count = CLASSES + 5
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count * 3, 8, 8, 3)).astype(np.uint8)
    labels = np.repeat(np.arange(count), 3)
    np.savez(tmp_path / "many.npz", images=images, labels=labels)
    found = outline(page_of(load(tmp_path / "many.npz")))
    assert "5 more classes are not shown." in "".join(found.text)
    assert len(found.all("img")) <= SAMPLES


def _luminance(colour: str) -> float:
    levels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in levels]
    return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_text_stands_out(scheme: str) -> None:
    """Every colour of text has a contrast of 4.5 to 1 with what lies behind it."""
    style = resources.files("bakeoff.report").joinpath("audit.css").read_text()
    schemes = [dict(re.findall(r"--([\w-]+):\s*(#\w+)", block)) for block in style.split(":root")]
    light, dark, paper = schemes[1:]
    white = {"page": "#ffffff", "card": "#ffffff", "ink": "#000000", "soft": "#444444"}
    white |= {"error-back": "#ffffff", "warning-back": "#ffffff", "note-back": "#ffffff"}
    colours = {"light": light, "dark": dark, "print": light | paper | white}[scheme]
    pairs = [(text, back) for text in ("ink", "soft", "accent") for back in ("page", "card")]
    pairs += [("ink", f"{tone}-back") for tone in ("error", "warning", "note")]
    pairs += [(tone, f"{tone}-back") for tone in ("error", "warning", "note")]
    for text, back in pairs:
        low, high = sorted(_luminance(colours[name]) for name in (text, back))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, back)
