"""Figures as elements of a page."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from bakeoff.report.figures import style
from bakeoff.report.figures.svg import svg
from bakeoff.report.result import Result

SPACE = "{http://www.w3.org/2000/svg}"


def words(text: str) -> list[str]:
    """Everything that is written."""
    return ["".join(one.itertext()) for one in ElementTree.fromstring(text).iter(f"{SPACE}text")]


def test_the_same_figure_is_the_same_text(few: Result) -> None:
    """Two drawings of the same numbers do not differ, nor does asking twice."""
    axes = few.plot_confusion("resnet50")
    first = svg(style.root(axes))
    assert svg(style.root(axes)) == first
    assert svg(style.root(few.plot_confusion("resnet50"))) == first
    assert not re.search(r"20\d\d-\d\d-\d\d|<metadata|<\?xml|DOCTYPE", first)


def test_text_stays_text(many: Result) -> None:
    """What is written can be found and read, and is taken as it stands, in the reader's font."""
    text = svg(style.root(many.plot_accuracy()))
    found = words(text)
    assert {"Accuracy", "$a_b$ <i>", "_x|y", "猫と犬"} <= set(found)
    assert "DejaVu" not in text
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    assert "猫と犬" in (root.get("aria-label") or "")


def test_numbers_in_names_are_left_alone(few: Result) -> None:
    """Drawing coordinates are shortened; text that looks like them, ids or colours is not."""
    axes = few.plot_accuracy()
    odd = 'at 0.123456 of #1d1f23 with id="patch_1" in font: 8px x;'
    axes.set_xlabel(odd)
    text = svg(style.root(axes), adaptive=True)
    assert odd in words(text)
    assert not re.search(r'd="[^"]*\d\.\d{3}', text)


def test_figures_share_a_page(few: Result) -> None:
    """Ids of two figures differ, and each refers to its own; unused ones are gone."""
    both = [svg(style.root(few.plot_pareto()), name) for name in ("one", "two")]
    ids = [set(re.findall(r'\sid="([^"]+)"', text)) for text in both]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text, own in zip(both, ids, strict=True):
        assert own == set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))


def test_an_adaptive_figure_follows_light_and_dark(few: Result) -> None:
    """It has no colours of its own but those of two themes, and no background."""
    plain, adaptive = (
        svg(style.root(few.plot_accuracy()), "x", adaptive=adaptive) for adaptive in (False, True)
    )
    head, _, body = adaptive.partition("</style>")
    assert "prefers-color-scheme: dark" in head
    assert not re.search(r"fill: #|stroke: #", body)
    assert "var(--c1)" in body
    assert "fill: #ffffff" in plain
    assert "var(" not in plain


def test_figures_are_small(few: Result, many: Result) -> None:
    """Ten contenders' figures fit in a page of 5 MB many times over."""
    assert len(svg(style.root(few.plot_confusion("cnn10")))) < 40_000
    assert len(svg(style.root(many.plot_confusion(many.names[0])))) < 60_000
    assert len(svg(style.root(many.plot_pairs()))) < 90_000
