"""A run as flat names and values."""

from __future__ import annotations

from pathlib import Path

from bakeoff.runs.tracking.facts import outcome, parameters
from tests.runs.tracking.made import RESULT, started


def test_parameters(tmp_path: Path) -> None:
    """Each setting by its path, stages counted from one; text stays as it is, the rest is JSON."""
    found = parameters(started(tmp_path / "run"))
    assert found["stages.2.optimiser.rate"] == "0.25"
    assert found["stages.2.optimiser.kind"] == "SGD"
    assert found["stages.1.epochs"] == "1.0"
    assert found["stages.1.augment"] == "null"
    assert found["network.rows"].startswith('[{"kind": "Flatten"')
    assert (found["name"], found["seed"], found["data"]) == ("two", "3", "digits")
    assert (found["data.digest"], found["code"], found["device"]) == ("da7a", "c0de", "cpu")


def test_outcome(tmp_path: Path) -> None:
    """The numbers of the result, test-time augmentation apart."""
    run = started(tmp_path / "run")
    run.seal(RESULT)
    assert outcome(run) == {
        "final/accuracy": 0.75,
        "final/loss": 0.5,
        "final/parameters": 100.0,
        "final/seconds/train": 2.0,
        "final/tta/accuracy": 0.875,
        "final/tta/loss": 0.25,
    }
