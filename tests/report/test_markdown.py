"""The report as Markdown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff.report.markdown import CLASSES, escaped, markdown, table, write_markdown
from bakeoff.report.result import Result


def rows(text: str, heading: str) -> list[list[str]]:
    """Cells of the table under a heading, without its rule."""
    part = text.split(f"## {heading}", 1)[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    cells = [line.replace("\\|", "¦")[1:-1].split("|") for line in lines]
    return [[cell.strip() for cell in line] for line in (cells[0], *cells[2:])]


def test_the_verdict_comes_first(few: Result) -> None:
    """Title, verdict, warnings, scoreboard, pairs, classes, cost, data, how to repeat."""
    text = markdown(few.facts)
    order = [
        "# Bake-off: made",
        few.verdict.split()[0],
        "- ⚠ broken-1 crashed",
        "## Scoreboard",
        "## Pairs",
        "## Classes of resnet50",
        "## What it cost",
        "## Data",
        "## How to repeat it",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "This test set has been opened 2 times." in text
    assert "bakeoff run made --seeds 2" in text


def test_tables_hold_the_numbers(few: Result) -> None:
    """A row for each contender, each pair and each class, as in the result."""
    text = markdown(few.facts)
    board = rows(text, "Scoreboard")
    assert board[0][:4] == ["", "contender", "accuracy", "interval"]
    assert board[1][:4] == ["1", "resnet50 (chosen)", "92.0%", "88.9–95.1"]
    assert board[-1][:3] == ["–", "broken-1 (crashed)", "–"]
    pairs = rows(text, "Pairs")
    assert len(pairs) == 1 + len(few.facts["pairs"])
    assert pairs[1][:3] == ["resnet50", "convnext_tiny", "+0.8"]
    assert pairs[1][5:] == ["can't tell", "1,200 pictures or 8 seeds"]
    classes = rows(text, "Classes of resnet50")
    first = few.contender("resnet50")["classes"][0]
    assert classes[1] == [
        "plane",
        *(f"{first[kind]:.4f}" for kind in ("precision", "recall", "f1")),
        str(first["support"]),
    ]
    assert [row[0] for row in classes[-2:]] == ["macro mean", "weighted mean"]


def test_what_no_number_of_pictures_would_tell(few: Result) -> None:
    """Where a figure would be absurd, the order of it is said."""
    far = {"pictures": None, "seeds": None, "far": True}
    pairs = [{**pair, "need": far} for pair in few.facts["pairs"]]
    cells = rows(markdown({**few.facts, "pairs": pairs}), "Pairs")
    assert cells[1][6] == "over a hundred times the pictures"


def test_what_a_reader_must_not_miss(few: Result) -> None:
    """Fewer seeds, errors in the data, classes without pictures, a budget that was overrun; a
    line-up of mere names is told once."""
    facts = json.loads(json.dumps(few.facts))
    facts["contenders"][1]["numbers"]["accuracy"]["seeds"] = 1
    facts["data"]["findings"] = [{"severity": "error", "text": "The class car is empty."}]
    facts["contenders"][0]["classes"][1]["support"] = 0
    facts["asked"]["budget"] = 400.0
    facts["lineup"] = {"name": "a,b", "reason": "As asked: a,b.", "left_out": []}
    text = markdown(facts)
    assert "Test: 300 pictures, up to 2 seeds; intervals of 95%." in text
    assert "- ⚠ Data: The class car is empty." in text.split("## Scoreboard")[0]
    assert rows(text, "Classes of resnet50")[2] == ["car", "–", "–", "–", "no pictures"]
    assert "The whole bake-off took 7 min 11 s of 6 min 40 s asked: prepare 12 s," in text
    assert "\nLine-up: As asked: a,b.\n" in text


def test_many_classes_and_leaks(many: Result) -> None:
    """Of many classes the worst are listed; accuracy without leaks stands beside the plain one."""
    text = markdown(many.facts)
    name = escaped(many.names[0])
    assert f"## Classes of {name}: the {CLASSES} worst of 100" in text
    assert rows(text, "Scoreboard")[0][4] == "without leaks"
    assert "Validation: 400 pictures, 1 seed; intervals of 95%." in text
    assert "opened" not in text


def test_names_are_no_markup(many: Result) -> None:
    """Pipes and other marks in names are written out, and every row has as many cells."""
    text = markdown(many.facts)
    board = rows(text, "Scoreboard")
    assert len({len(row) for row in board}) == 1
    assert "\\$a_b\\$ \\<i\\>" in text
    assert "\\_x\\|y" in text


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("cnn_10", "cnn_10"),
        ("_a_", "\\_a\\_"),
        ("a|b", "a\\|b"),
        ("*x*", "\\*x\\*"),
        ("two\nlines", "two lines"),
        ("[a](b) `c` \\", "\\[a\\](b) \\`c\\` \\\\"),
    ],
)
def test_text_is_taken_as_it_is(plain: str, written: str) -> None:
    """Marks lose their meaning; an underscore within a word has none."""
    assert escaped(plain) == written


def test_columns_are_aligned() -> None:
    """Columns are as wide as their widest cell, letters of East Asia taking two."""
    assert table(["name", "count"], [["猫", "1"], ["x", "12345"]]) == [
        "| name | count |",
        "| :--- | ----: |",
        "| 猫   |     1 |",
        "| x    | 12345 |",
    ]


def test_it_is_written_beside_the_result(few: Result, tmp_path: Path) -> None:
    """The file is report.md, and ends with a line break."""
    file = write_markdown(few.facts, tmp_path)
    assert file == tmp_path / "report.md"
    text = file.read_text(encoding="utf-8")
    assert text == markdown(few.facts)
    assert text.endswith("\n")
