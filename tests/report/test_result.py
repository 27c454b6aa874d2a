"""A result as it shows itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.data.dataset import load
from bakeoff.report.result import Result
from bakeoff.spec.errors import DataError
from tests.report.bakeoffs import made


def test_it_prints_its_verdict_and_scoreboard(few: Result) -> None:
    """Warnings, the verdict, a table with names as they are."""
    lines = str(few).splitlines()
    assert lines[0] == f"! {few.warnings[0]}"
    assert lines[len(few.warnings)] == few.verdict
    assert any("convnext_tiny" in line and "91.2%" in line for line in lines)
    assert repr(few) == f"Result({str(few.path)!r}, winner='resnet50')"


def test_a_notebook_shows_a_table(many: Result) -> None:
    """Warnings, the verdict and the scoreboard; names cannot become markup."""
    shown = many._repr_html_()
    assert shown.count("<tr>") == 1 + len(many.names)
    assert "<i>" not in shown
    assert "$a_b$ &lt;i&gt;" in shown
    for warning in many.warnings:
        assert warning in shown
    assert shown.index(many.warnings[0]) < shown.index("wins with") < shown.index("<table>")


def test_it_opens_without_what_trains_and_draws(few: Result) -> None:
    """Numbers are read where neither torch nor matplotlib is."""
    program = (
        "import sys\n"
        "sys.modules.update(torch=None, matplotlib=None)\n"
        "from bakeoff.report.result import Result\n"
        f"result = Result.open({str(few.path)!r})\n"
        "print(result.winner, len(result.predictions('cnn10')), result)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("resnet50 300 !")


def test_figures_of_one_are_of_the_chosen_one(tmp_path: Path) -> None:
    """Without a name; and their pictures are found again without being given."""
    dataset = load("digits")
    folder = made(tmp_path / "b", 3, 1, dataset=dataset, accuracies=(0.7, 0.9, 0.8))
    result = Result.open(folder)
    assert result.winner == "convnext_tiny"
    for draw in (result.plot_confusion, result.plot_classes, result.plot_reliability):
        assert "convnext_tiny" in str(draw().figure.get_label())
    for show in (result.plot_mistakes, result.plot_samples):
        assert "convnext_tiny" in str(show(count=2).figure.get_label())
    result.facts["verdict"]["winner"] = None
    assert "convnext_tiny" in str(result.plot_confusion().figure.get_label())


def test_nothing_finished_nothing_is_drawn(tmp_path: Path) -> None:
    """Where all contenders crashed, figures say so."""
    path = made(tmp_path / "b", 2, 1, 40, crashed=1)
    file = path / "result.json"
    facts = json.loads(file.read_text())
    facts["contenders"], facts["pairs"] = facts["contenders"][2:], []
    facts["verdict"] |= {"winner": None, "paragraph": "Nothing.", "cheapest": None}
    file.write_text(json.dumps(facts))
    result = Result.open(path)
    with pytest.raises(DataError, match="has no contender that finished: nothing can be drawn"):
        result.plot_accuracy()
    with pytest.raises(DataError, match="has no contender that finished: nothing can be drawn"):
        result.plot_confusion()
    assert "broken-1 (crashed)" in str(result)
