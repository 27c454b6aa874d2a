"""Training curves."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bakeoff.report.figures import curves
from bakeoff.report.figures.curves import curves_of, keep_curves
from bakeoff.report.recorded import history
from bakeoff.report.result import Result
from bakeoff.spec.errors import SpecError
from tests.report.figures.seen import across, texts, up


def test_a_line_for_each_seed(few: Result) -> None:
    """Each run's looks at validation are drawn as they were recorded, one key a contender."""
    axes = few.plot_curves()
    drawn = [up(line) for line in axes.lines]
    for name in few.names[:4]:
        for run in few.contender(name)["runs"]:
            looks = history(few.path / run["path"]).looks
            assert [look.accuracy for look in looks] in drawn
    assert len(drawn) == 8
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == list(few.names[:4])


def test_one_contender_shows_training_and_stages(few: Result) -> None:
    """Loss of one: training beside validation, and a mark where a stage ends."""
    name = few.names[1]
    axes = few.plot_curves(name, of="loss")
    one = history(few.path / few.contender(name)["runs"][0]["path"])
    drawn = [up(line) for line in axes.lines]
    for values in (
        [look.loss for look in one.looks],
        [look.train_loss for look in one.looks],
        [loss for _, loss in one.steps],
    ):
        assert values in drawn
    assert one.stages == (3.0,)
    assert [3.0, 3.0] in [across(line) for line in axes.lines]


def test_what_was_fitted_in_one_go_has_no_curves(many: Result) -> None:
    """An estimator is left out of the curves of all, and refused on its own."""
    assert "ridge" not in texts(many.plot_curves())
    with pytest.raises(SpecError) as caught:
        many.plot_curves("ridge")
    assert str(caught.value) == (
        "name must be a contender that learnt epoch by epoch, but is 'ridge'."
    )


def test_curves_of_a_run(few: Result) -> None:
    """Loss and accuracy of one run, side by side."""
    figure = curves_of(few.path / "runs" / "cnn10-0")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss", "Accuracy"]
    looks = history(few.path / "runs" / "cnn10-0").looks
    accuracy = up(figure.axes[1].lines[0])
    assert accuracy == [look.accuracy for look in looks]


def test_a_run_keeps_its_curves(few: Result, tmp_path: Path) -> None:
    """The file is a drawing that follows light and dark; without events there is none."""
    run = tmp_path / "run"
    run.mkdir()
    assert keep_curves(run) is None
    events = (few.path / "runs" / "cnn10-0" / "events.jsonl").read_text()
    (run / "events.jsonl").write_text(events)
    file = keep_curves(run)
    assert file == run / "curves.svg"
    text = file.read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "prefers-color-scheme" in text


def test_without_matplotlib_a_run_has_no_drawing(
    few: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training does not need what draws."""
    monkeypatch.setattr(curves, "find_spec", lambda name: None)
    event = {"event": "evaluated", "stage": 0, "step": 1, "epoch": 1.0, "accuracy": 0.5}
    line = json.dumps({**event, "loss": 1.0, "train_loss": 1.0})
    (tmp_path / "events.jsonl").write_text(line + "\n")
    assert keep_curves(tmp_path) is None
    assert not (tmp_path / "curves.svg").exists()
