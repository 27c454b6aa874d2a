"""The scoreboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bakeoff.report.board import board
from tests.report.bakeoffs import made


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Four contenders and a crashed one."""
    folder = made(tmp_path_factory.mktemp("board") / "one", crashed=1)
    found: dict[str, Any] = json.loads(Path(folder, "result.json").read_text())
    return found


def test_rows_fall_in_accuracy(facts: dict[str, Any]) -> None:
    """The most accurate comes first, what has no accuracy last and with its reason."""
    rows = board(facts).rows
    values = [row.accuracy.value for row in rows[:-1]]
    assert values == sorted(values, key=lambda value: -float(value or 0))
    assert [row.rank for row in rows] == [1, 2, 3, 4, None]
    assert rows[-1].name == "broken-1"
    assert rows[-1].reason.startswith("out of memory")
    assert rows[-1].accuracy.text == "–"
    assert [facts["contenders"][row.number]["name"] for row in rows] == [row.name for row in rows]


def test_tags_and_outcomes(facts: dict[str, Any]) -> None:
    """Chosen, tied, cheapest and crashed are said; others are held against the first."""
    rows = {row.name: row for row in board(facts).rows}
    verdict = facts["verdict"]
    assert rows[verdict["winner"]].tags[0] == "chosen"
    assert rows[verdict["winner"]].against.text == "chosen"
    for name in verdict["tied"]:
        assert "tied" in rows[name].tags
    assert rows["broken-1"].tags == ("crashed",)
    assert rows["linear-probe"].outcome == "worse"
    assert rows["linear-probe"].against.text.startswith("−")


def test_of_equals_the_chosen_one_comes_first(facts: dict[str, Any]) -> None:
    """Wherever it stands among the contenders; what is broken is said to be."""
    even = json.loads(json.dumps(facts))
    even["verdict"]["winner"] = "cnn10"
    for one in even["contenders"][:3]:
        one["numbers"]["accuracy"]["value"] = 0.5
    even["contenders"][1]["warnings"] = ["Seed 1: BROKEN: it learnt nothing."]
    rows = board(even).rows
    assert [row.name for row in rows[1:4]] == ["cnn10", "resnet50", "convnext_tiny"]
    assert rows[3].tags == ("broken",)


def test_outcomes_are_turned(facts: dict[str, Any]) -> None:
    """A pair that names the winner second is read from the other side."""
    turned = json.loads(json.dumps(facts))
    for pair in turned["pairs"]:
        pair["first"], pair["second"] = pair["second"], pair["first"]
        pair["difference"] *= -1
        other = {"better": "worse", "worse": "better"}
        pair["outcome"] = other.get(pair["outcome"], pair["outcome"])
    one, two = board(facts), board(turned)
    assert [row.outcome for row in one.rows] == [row.outcome for row in two.rows]
    assert [row.against for row in one.rows] == [row.against for row in two.rows]


def test_columns_without_values_are_left_out(facts: dict[str, Any]) -> None:
    """A column that says nothing of anyone is not there; the best of a column is marked."""
    found = board(facts)
    keys = [column.key for column in found.columns]
    assert {"tta", "f1", "latency", "optimiser", "comment"} <= set(keys)
    latency = keys.index("latency")
    best = [row.name for row in found.rows if row.cells[latency].best]
    assert best == [min(facts["contenders"][:4], key=lambda one: one["cost"]["latency"])["name"]]
    bare = json.loads(json.dumps(facts))
    for one in bare["contenders"]:
        one["numbers"].pop("tta", None)
        one["cost"]["latency"] = None
    assert {"tta", "latency"}.isdisjoint(column.key for column in board(bare).columns)
