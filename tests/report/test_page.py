"""The report as a page, before any browser sees it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.data.dataset import Dataset, load
from bakeoff.report.findings import Findings
from bakeoff.report.page import page, write_report
from tests.report.bakeoffs import made

VOID = {"meta", "img", "line", "circle", "rect", "input", "link", "polyline", "use", "path"}
HOSTILE = '</script><b onload="alert(1)">\'&{{7*7}}'


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
        if not {"script", "style"} & set(self.open):
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def outline(text: str) -> Outline:
    """The page, parsed."""
    found = Outline()
    found.feed(text)
    found.close()
    assert found.open == []
    return found


def data(text: str) -> dict[str, Any]:
    """What the page's script is given."""
    block = re.search(r'<script type="application/json" id="facts">(.*?)</script>', text, re.DOTALL)
    assert block is not None
    found: dict[str, Any] = json.loads(block[1])
    return found


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """Pictures to show."""
    return load("digits")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Findings:
    """Four contenders, a crashed one, leaks."""
    folder = tmp_path_factory.mktemp("page") / "one"
    return Findings.open(made(folder, 4, 2, dataset=digits, crashed=1, leaked=3))


@pytest.fixture(scope="module")
def text(found: Findings, digits: Dataset) -> str:
    """The page of these."""
    return page(found, digits)


def test_the_page_is_complete_in_itself(text: str) -> None:
    """Nothing is fetched: no address but those that hold their content, no style or handler in
    tags, which the page's own policy would refuse."""
    assert text.startswith("<!doctype html>")
    assert not re.search(r"https?:|url\(|@import", text)
    parsed = outline(text)
    assert all((image["src"] or "").startswith("data:image/") for image in parsed.all("img"))
    for tag, attributes in parsed.tags:
        assert not {name for name in attributes if name == "style" or name.startswith("on")}, tag
    assert all((one["href"] or "").startswith("#") for one in parsed.all("a"))


def test_the_verdict_comes_first(text: str, found: Findings) -> None:
    """Warnings, then the verdict, then the scoreboard, then the rest."""
    words = outline(text).words()
    places = [words.index(warning) for warning in found.warnings]
    places.append(words.index(found.verdict))
    places.append(words.index("Scoreboard By test accuracy"))
    assert places == sorted(places)
    assert found.warnings


def test_everything_asked_for_is_on_it(text: str, found: Findings) -> None:
    """Numbers with n and intervals, runs, the crash, data, findings and how to repeat it."""
    words = outline(text).words()
    facts = found.facts
    for part in (
        "Numbers on 180 test pictures, 2 seeds",
        "accuracy without the leaked pictures",
        "out of memory: the batch was halved to 1 and still does not fit",
        "it has been opened 2 times in all",
        "Classes are of equal size.",
        "vit_base : no weights are at hand",
        facts["asked"]["command"],
        facts["data"]["digest"],
        facts["environment"]["code"],
        "torch 2.13.0",
        *(pair["words"] for pair in facts["pairs"]),
    ):
        assert part in words, part


def test_pictures_are_counted(text: str, found: Findings) -> None:
    """What the script is given agrees with the confusion matrices."""
    given = data(text)
    for one in found.measured():
        matrix = np.array(one["confusion"])
        cells = given["behind"][one["name"]]
        assert set(cells) == {f"{i}-{j}" for i, j in np.argwhere(matrix)}
        for cell, entries in cells.items():
            i, j = map(int, cell.split("-"))
            assert len(entries) <= given["distinct"][one["name"]][cell] <= matrix[i, j]
            assert all(number < len(given["pictures"]) for number, _, _ in entries)
            assert all(1 <= votes <= 2 for _, votes, _ in entries)


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    """Contenders, classes and words of all kinds are shown as they are, in markup and in data."""
    classes = [HOSTILE, "b", "\u2028c"]
    folder = made(tmp_path / "x", 2, 1, classes=classes, names=[HOSTILE, "__proto__"])
    file = folder / "result.json"
    facts = json.loads(file.read_text())
    facts["contenders"][0]["note"] = facts["verdict"]["paragraph"] = HOSTILE
    facts["asked"]["command"] = facts["data"]["name"] = HOSTILE
    facts["data"]["findings"][0]["text"] = HOSTILE
    file.write_text(json.dumps(facts))
    text = page(Findings.open(folder))
    parsed = outline(text)
    assert not [one for _, one in parsed.tags if "onload" in one]
    assert len(parsed.all("script")) == 2
    assert data(text)["classes"] == classes
    assert "</script><b" not in text
    assert parsed.words().count(HOSTILE) > 10


def test_the_page_can_be_read_aloud(text: str) -> None:
    """Language, landmarks, headings in order, captions, headers and alternatives."""
    parsed = outline(text)
    assert parsed.all("html")[0]["lang"] == "en"
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in parsed.tags}
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    assert all(header["scope"] in ("row", "col") for header in parsed.all("th"))
    assert all(image["alt"] for image in parsed.all("img"))
    known = [one["id"] for _, one in parsed.tags if one.get("id")]
    assert len(known) == len(set(known))
    assert {(one["href"] or "")[1:] for one in parsed.all("a")} <= set(known)


def test_without_pictures_all_else_is_there(found: Findings) -> None:
    """A page made away from its data says so and has no gallery."""
    text = page(found)
    parsed = outline(text)
    assert parsed.all("img") == []
    assert "It was made without the pictures at hand." in parsed.words()
    assert data(text) == {"classes": list(found.classes), "pictures": [], "behind": {}}


def test_another_dataset_is_refused(found: Findings, tmp_path: Path) -> None:
    """Pictures of other data than were measured would be a lie."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 8, 8, 3)).astype(np.uint8)
    np.savez(tmp_path / "other.npz", images=images, labels=np.repeat(np.arange(2), 30))
    with pytest.raises(AssertionError):
        page(found, load(tmp_path / "other.npz"))


def test_one_contender_is_a_report_too(tmp_path: Path) -> None:
    """With nothing to compare, comparisons are left out."""
    words = outline(page(Findings.open(made(tmp_path / "x", 1, 1)))).words()
    assert "1 contender, 1 seed each" in words
    assert "Every pair" not in words
    assert "Quality against cost" not in words


def test_a_bakeoff_in_which_all_crashed(tmp_path: Path) -> None:
    """No winner is said to be none, and the reasons are there."""
    text = page(Findings.open(made(tmp_path / "x", 0, 1, names=[], accuracies=[], crashed=2)))
    words = outline(text).words()
    assert "No winner" in words
    assert words.count("out of memory") >= 2


def test_validation_is_called_so(tmp_path: Path) -> None:
    """With the test sealed, every table says what its numbers are of."""
    words = outline(page(Findings.open(made(tmp_path / "x", 2, 1, part="val")))).words()
    assert "The test set stays sealed" in words
    assert "validation accuracy" in words
    assert "test pictures" not in words


def test_many_classes_stay_small(tmp_path: Path) -> None:
    """With a hundred classes the matrix is drawn in shades and the hardest classes are listed."""
    text = page(Findings.open(made(tmp_path / "x", 3, 1, pictures=1000, classes=100)))
    assert len(text) < 700_000
    words = outline(text).words()
    assert "The 60 hardest of 100 classes." in words
    assert "Most frequent mistakes, 12 of" in words


def test_ten_contenders_stay_below_five_megabytes(tmp_path: Path) -> None:
    """However many pictures could be shown, the page has room for some and says of how many."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4000, 32, 32, 3)).astype(np.uint8)
    labels = np.resize(np.arange(10), 4000)
    file = tmp_path / "noise.npz"
    np.savez(
        file, x_train=images[:1000], y_train=labels[:1000], x_test=images[1000:],
        y_test=labels[1000:],
    )  # fmt: skip
    dataset = load(file)
    accuracies = np.linspace(0.9, 0.3, 10).tolist()
    folder = made(tmp_path / "x", 10, 2, dataset=dataset, accuracies=accuracies)
    path = write_report(Findings.open(folder), dataset)
    assert path == folder / "report.html"
    assert 2_000_000 < path.stat().st_size < 5_000_000
    given = data(path.read_text())
    behind = given["behind"]["resnet50"]
    counts = given["distinct"]["resnet50"]
    assert any(len(entries) < min(counts[cell], 18) for cell, entries in behind.items())
    assert all(set(given["behind"][name]) for name in given["behind"])
    assert sorted(one.name for one in folder.iterdir()) == [
        "bakeoff.json",
        "report.html",
        "result.json",
        "runs",
    ]


def test_the_same_bakeoff_makes_the_same_page(found: Findings, digits: Dataset, text: str) -> None:
    """Nothing on the page is left to chance."""
    assert page(found, digits) == text


def test_a_choice_among_equals_is_called_one(found: Findings) -> None:
    """Who was chosen without being shown to be better is not called the winner outright."""
    facts = json.loads(json.dumps(found.facts))
    facts["verdict"] |= {"tied": [], "untold": ["convnext_tiny"]}
    assert "Chosen, but not to be told from 1 other" in _words(found, facts)
    facts["verdict"] |= {"tied": ["convnext_tiny", "cnn10"], "untold": []}
    assert "Chosen, tied with 2 others resnet50" in _words(found, facts)
    facts["verdict"] |= {"tied": [], "untold": []}
    assert "Chosen resnet50" in _words(found, facts)
    for pair in facts["pairs"]:
        pair["outcome"] = "better"
    words = _words(found, facts)
    assert "Winner resnet50" in words
    assert "vs winner" in words
    facts["contenders"][0]["warnings"] = ["BROKEN: it learnt nothing."]
    words = _words(found, facts)
    assert "Chosen resnet50 broken" in words
    assert "winner" not in words.split("Scoreboard", 1)[1].split("Accuracy with", 1)[0]


def test_one_that_was_stopped_keeps_its_numbers(found: Findings) -> None:
    """What was measured of it stands in its row; the reason stands below the table."""
    facts = json.loads(json.dumps(found.facts))
    facts["contenders"][2] |= {"status": "stopped", "reason": "It was 30 points behind."}
    facts["contenders"][2]["numbers"]["accuracy"]["seeds"] = 1
    number = facts["contenders"][2]["numbers"]["accuracy"]
    words = _words(found, facts)
    row = words.split("Scoreboard: contenders", 1)[1].split("linear-probe", 1)[0]
    assert f"cnn10 stopped cnn10, made for tests {number['value']:.1%}" in row
    assert "It was 30 points behind." not in row
    assert "cnn10 stopped: It was 30 points behind." in words
    assert "4 contenders, up to 2 seeds each," in words


def test_the_same_warning_is_told_once(found: Findings) -> None:
    """Seeds that say alike are one warning, long ones folded; below it is only named."""
    facts = json.loads(json.dumps(found.facts))
    tail = "Try a tenth of the rate. " * 8
    own = [f"Seed {seed}: Accuracy 0.{seed}5 is low. {tail.strip()}" for seed in (0, 1)]
    for run, text in zip(facts["contenders"][2]["runs"], own, strict=True):
        run["warnings"] = [text.split(": ", 1)[1], "Only this run says so."]
    facts["contenders"][2]["warnings"] = own
    facts["verdict"]["warnings"] = [f"cnn10: {text}" for text in own]
    text = page(replace(found, facts=facts))
    head = "cnn10, seeds 0 and 1: Accuracy 0.05 / 0.15 is low."
    assert f"<details><summary>{head}</summary> <p>{tail.strip()}</p></details>" in text
    assert text.count(tail.strip()) == 1
    words = outline(text).words()
    assert words.count(head) == 2
    assert f"! {head} In full at the top" in words
    assert words.count("cnn10, seeds 0 and 1: Only this run says so.") == 1


def test_what_is_wrong_with_the_data_comes_first(found: Findings) -> None:
    """Errors stand above the verdict, notes only with the data; empty classes are marked."""
    facts = json.loads(json.dumps(found.facts))
    facts["data"]["findings"].append({"severity": "error", "text": "A class is empty."})
    facts["contenders"][0]["classes"][3]["support"] = 0
    words = _words(found, facts)
    above = words.split("Scoreboard", 2)[1]
    assert "✕ Error Data: A class is empty." in above
    assert "Classes are of equal size." not in above
    assert "3 no pictures 0 4" in words


def test_a_budget_that_was_overrun_is_said_to_be(found: Findings) -> None:
    """By more than a twentieth: above the scoreboard, and where time is told."""
    facts = json.loads(json.dumps(found.facts))
    facts["asked"]["budget"] = 400.0
    words = _words(found, facts)
    assert "The bake-off took 7 min 11 s of 6 min 40 s asked." in words
    assert "Time spent took 7 min 11 s of 6 min 40 s asked;" in words
    facts["asked"]["budget"] = 430.0
    assert " asked" not in _words(found, facts)


def test_samples_count_contenders(text: str) -> None:
    """And what everyone missed counts runs; each says which."""
    words = outline(text).words()
    assert re.search(r"\d of 4 contenders right", words)
    assert "Missed by every run" in words


def test_many_warnings_do_not_hide_the_verdict(found: Findings) -> None:
    """Beyond a few, warnings are folded up above the verdict, none of them lost."""
    facts = json.loads(json.dumps(found.facts))
    facts["verdict"]["warnings"] = [f"This is wrong: {number}." for number in range(9)]
    words = _words(found, facts)
    assert "5 more warnings" in words
    assert all(warning in words for warning in facts["verdict"]["warnings"])


def test_a_contender_that_never_began(found: Findings) -> None:
    """Of one that was stopped before it had a shape there is a row and a reason."""
    facts = json.loads(json.dumps(found.facts))
    last = facts["contenders"][-1]
    last |= {"shape": None, "cost": {}, "status": "unfinished", "reason": "No time was left."}
    assert "unfinished: No time was left." in _words(found, facts)


def _words(found: Findings, facts: dict[str, Any]) -> str:
    return outline(page(replace(found, facts=facts))).words()
