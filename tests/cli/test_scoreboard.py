"""What a bake-off found, on a terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bakeoff.cli.scoreboard import show
from bakeoff.report.result import Result
from tests.report.bakeoffs import made


def shown(path: Path, width: int, **how: Any) -> list[str]:
    """The lines on a terminal of this width."""
    made(path, **how)
    file = io.StringIO()
    show(Result.open(path), Console(file=file, width=width, highlight=False, markup=False))
    return file.getvalue().splitlines()


def test_what_is_shown(tmp_path: Path) -> None:
    """Warnings, the verdict, a row for each contender, how often the test was opened, the page."""
    lines = shown(tmp_path, 100, contenders=3, crashed=1)
    text = "\n".join(lines)
    assert lines[0].startswith("! broken-1 crashed: out of memory")
    assert "resnet50 wins with an accuracy of" in text
    (head,) = (line for line in lines if "contender" in line and "test" in line)
    assert head.split()[:5] == ["contender", "test", "95%", "against", "resnet50"]
    assert any(line.startswith("1  resnet50") and "chosen" in line for line in lines)
    assert any("broken-1" in line and "crashed" in line for line in lines)
    assert lines[-2] == "This test set has been opened 2 times."
    assert lines[-1] == f"Report: {tmp_path / 'report.html'}"


def test_a_budget_that_was_overrun(tmp_path: Path) -> None:
    """What took longer than was asked is said to have."""
    file = made(tmp_path / "b", 2, 1) / "result.json"
    facts = json.loads(file.read_text())
    facts["asked"]["budget"] = 60.0
    file.write_text(json.dumps(facts))
    out = io.StringIO()
    show(Result.open(file.parent), Console(file=out, width=100))
    assert "\nThe bake-off took 7 min 11 s of 1 min asked.\n" in out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_it_fits(tmp_path: Path, width: int) -> None:
    """No line but the path is wider than the terminal, and columns go rather than wrap."""
    lines = shown(tmp_path, width, contenders=4)
    assert max(map(len, lines[:-1])) <= width
    (head,) = (line for line in lines if "contender" in line and "test" in line)
    assert ("against" in head) == (width >= 80)
    assert ("training" in head) == (width >= 120)
    assert sum(line.startswith(("1  ", "2  ", "3  ", "4  ")) for line in lines) == 4


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ({"tta": True}, "with TTA"),
        ({"prefer": "latency"}, "latency"),
        ({"max_latency": 0.01}, "latency"),
        ({"prefer": "size"}, "size"),
        ({"max_size": 10_000_000}, "size"),
    ],
)
def test_what_was_asked_for_is_shown(tmp_path: Path, asked: dict[str, Any], title: str) -> None:
    """By what the chosen one was chosen is there before anything else, on narrow terminals too."""
    file = made(tmp_path, 3) / "result.json"
    facts = json.loads(file.read_text())
    facts["asked"] |= asked
    for one in facts["contenders"]:
        one["numbers"].setdefault("tta", one["numbers"]["accuracy"])
    file.write_text(json.dumps(facts))
    for width in (50, 60, 80, 120):
        out = io.StringIO()
        console = Console(file=out, width=width, highlight=False, markup=False)
        show(Result.open(tmp_path), console)
        lines = out.getvalue().splitlines()
        assert max(map(len, lines[:-1])) <= width
        (head,) = (line for line in lines if "contender" in line and "test" in line)
        assert title in head
        assert ("95%" in head) == (width >= 80)
        assert head.count(title) == 1


def test_validation_is_called_so(tmp_path: Path) -> None:
    """Where the test part stayed sealed nothing is said of openings."""
    lines = shown(tmp_path, 100, contenders=2, part="val")
    assert any("contender" in line and "validation" in line for line in lines)
    assert not any("has been opened" in line for line in lines)
