"""`bakeoff train`: another batch, and rates that are tried."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bakeoff.cli import main
from bakeoff.runs.run import Run

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = ["--subset", "300"]


def test_a_batch_of_ones_own(capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path) -> None:
    """The rate follows, which is said; a run that goes on keeps a batch that was found."""
    out = tmp_path / "run"
    words = ["train", "digits", tiny, "--out", str(out), *SMALL, "--epochs", "1"]
    assert main([*words, "--batch", "32", "--balance", "auto"]) == 0
    line = "Stage 1: batch 64 becomes 32, rate 0.1 becomes 0.05 (in proportion to the batch)."
    assert line in capsys.readouterr().err.splitlines()
    stage = Run(path=out).recipe().stages[0]
    assert (stage.batch, stage.optimiser.rate, stage.balance) == (32, 0.05, "weights")
    assert main([*words, "--batch", "auto", "--balance", "auto", "--resume"]) == 0
    assert "Batch" not in capsys.readouterr().err
    assert main([*words, "--batch", "0"]) == 2
    told = capsys.readouterr().err
    assert told == "Error: --batch must be a number from 1 to 65536, or auto, but is '0'.\n"


def test_a_batch_that_is_found(
    capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path
) -> None:
    """What was tried is told with its speed, then what was taken and why."""
    out = tmp_path / "run"
    words = ["train", "digits", tiny, "--out", str(out), *SMALL, "--epochs", "1"]
    assert main([*words, "--batch", "auto"]) == 0
    lines = capsys.readouterr().err.splitlines()
    place = next(at for at, line in enumerate(lines) if line.startswith("Batch"))
    assert re.fullmatch(r"Batch 13: [\d,]+ pictures/s\.", lines[place])
    why = "More would leave fewer than 20 steps an epoch of 267 pictures."
    assert lines[place + 1] == f"Batch 13 it is. {why}"
    assert Run(path=out).recipe().stages[0].batch == 13


def test_a_rate_that_is_found(
    capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of rates and losses, and a suggestion in the recipe's words; nothing is written."""
    monkeypatch.chdir(tmp_path)
    words = ["train", "digits", tiny, "--find-rate"]
    assert main(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["rate", "loss"]
    assert len(said) == 15
    assert re.fullmatch(
        r"Recipe\.stages\[0\]\.optimiser\.rate is 0\.1\. Suggested: [\d.]+, where the loss falls "
        r"most steeply; other rates of the same optimiser by the same factor, [\d.]+\.",
        said[-1],
    )
    assert main([*words, "--json", *SMALL]) == 0
    read = json.loads(capsys.readouterr().out)
    assert (read["field"], read["declared"]) == ("Recipe.stages[0].optimiser.rate", 0.1)
    assert {"rate", "factor", "loss", "smooth"} == set(read["tried"][0])
    assert main([*words, "--out", "somewhere"]) == 2
    assert capsys.readouterr().err == (
        "Error: --find-rate trains nothing and keeps nothing, so it goes without. "
        "Leave --out out.\n"
    )
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.py", "cache"}
