"""What a bake-off found, read from its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.report.result import Result
from bakeoff.spec.errors import DataError, SpecError
from tests.report.bakeoffs import made


def test_a_result_says_what_was_found(few: Result) -> None:
    """Verdict, winner, warnings, part, classes and contenders are those of the file."""
    facts = json.loads((few.path / "result.json").read_text())
    assert few.verdict == facts["verdict"]["paragraph"]
    assert few.winner == "resnet50"
    assert few.warnings == tuple(facts["verdict"]["warnings"]) != ()
    assert few.part == "test"
    assert few.classes == tuple(facts["data"]["classes"])
    assert few.names == ("resnet50", "convnext_tiny", "cnn10", "linear-probe", "broken-1")
    assert few.contender("cnn10") == facts["contenders"][2]


def test_the_scoreboard_has_a_row_for_each(few: Result) -> None:
    """The most accurate first, those without numbers last; values are numbers."""
    board = few.scoreboard
    assert [row["contender"] for row in board] == list(few.names)
    number = few.contender("cnn10")["numbers"]["accuracy"]
    assert [board[2][key] for key in ("accuracy", "low", "high")] == [
        number["value"],
        number["low"],
        number["high"],
    ]
    assert board[2]["against"] == "worse"
    assert board[2]["parameters"] == few.contender("cnn10")["cost"]["parameters"]
    assert board[-1]["accuracy"] is None


def test_the_table_of_every_model(few: Result) -> None:
    """With all columns it says how each contender was made; single ones can be named."""
    row = few.table("all")[0]
    assert {
        "layers", "dense", "parameters", "epochs", "augmentation", "norm", "dropout", "optimiser",
        "objective", "accuracy", "loss", "f1", "recall", "comment",
    } <= set(row)  # fmt: skip
    assert "layers" not in few.table()[0]
    assert list(few.table(["recall"])[0]) == ["contender", "recall"]
    with pytest.raises(SpecError, match="columns must be those of the scoreboard, but is 'recal'"):
        few.table(["recal"])


def test_predictions_are_those_of_the_run(few: Result) -> None:
    """By default of the measured part, by the seed that won; any other can be asked for."""
    file = few.path / "runs" / "cnn10-1" / "predictions" / "val.npz"
    with np.load(file) as saved:
        found = few.predictions("cnn10", seed=1, part="val")
        assert (found.probabilities == saved["probabilities"]).all()
        assert (found.labels == saved["labels"]).all()
    assert found.classes == few.classes
    run = few.contender("resnet50")["runs"][0]
    assert few.predictions("resnet50").correct.mean() == pytest.approx(run["accuracy"])


def test_unknown_names_are_refused(few: Result) -> None:
    """A misspelt contender, one that crashed, a seed or part that is not there: each is named."""
    for call in (few.contender, few.plot_confusion, few.predictions):
        with pytest.raises(SpecError) as caught:
            call("cnn1")
        assert str(caught.value).startswith(
            "name must be a contender's, but is 'cnn1'. Did you mean 'cnn10'?"
        )
    with pytest.raises(SpecError) as caught:
        few.plot_classes("broken-1")
    assert str(caught.value) == (
        "name must be a contender that finished; broken-1 crashed: out of memory: the batch was "
        "halved to 1 and still does not fit. These did: resnet50, convnext_tiny, cnn10, "
        "linear-probe."
    )
    with pytest.raises(SpecError, match="seed must be one that cnn10 finished with, but is 7"):
        few.predictions("cnn10", seed=7)
    with pytest.raises(DataError, match="holds no predictions of the part 'tests'"):
        few.predictions("cnn10", part="tests")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """Nothing there, something else there, a run, or a bake-off that is not over: each is said."""
    with pytest.raises(DataError, match=r"is not there\. Give the folder of a bake-off"):
        Result.open(tmp_path / "nowhere")
    with pytest.raises(
        DataError, match=r"is not the folder of a bake-off: result\.json is missing"
    ):
        Result.open(tmp_path)
    path = made(tmp_path / "b", 2, 1, 40)
    with pytest.raises(DataError, match="is the directory of a single run, not of a bake-off"):
        Result.open(path / "runs" / "resnet50-0")
    (path / "result.json").unlink()
    with pytest.raises(DataError, match=r"holds a bake-off that is not over\. Go on with it: the"):
        Result.open(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "result.json: schema must be 1, the version this Bakeoff reads, but is 2"),
        ({"kind": "tuning"}, "result.json is not the result of a bake-off"),
        (None, "result.json cannot be read: it is damaged, or not JSON"),
    ],
)
def test_a_result_that_cannot_be_read(
    tmp_path: Path, change: dict[str, Any] | None, message: str
) -> None:
    """Another version, another kind of result and a damaged file are refused in words."""
    path = made(tmp_path / "b", 2, 1, 40)
    file = path / "result.json"
    facts = json.loads(file.read_text())
    file.write_text("{" if change is None else json.dumps({**facts, **change}))
    with pytest.raises(DataError) as caught:
        Result.open(path)
    assert message in str(caught.value)


def test_damaged_predictions_are_named(tmp_path: Path) -> None:
    """A table that was cut off is no reason for a traceback."""
    path = made(tmp_path / "b", 2, 1, 40)
    file = path / "runs" / "resnet50-0" / "predictions" / "test.npz"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match="is not a table of predictions, or damaged"):
        Result.open(path).predictions("resnet50")
