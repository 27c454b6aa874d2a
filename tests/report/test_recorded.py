"""What runs left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bakeoff.report.recorded import history


def write(run: Path, *events: dict[str, Any]) -> None:
    """Lines of a run's events."""
    (run / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))


def look(stage: int, step: int, epoch: float, accuracy: float = 0.5) -> dict[str, Any]:
    """An event after which validation was measured."""
    return {
        "event": "evaluated", "stage": stage, "step": step, "epoch": epoch, "train_loss": 1.0,
        "loss": 2.0, "accuracy": accuracy,
    }  # fmt: skip


def test_epochs_go_on_over_stages(tmp_path: Path) -> None:
    """A stage begins where the one before ended, at its last step or look."""
    step = {"event": "steps", "stage": 0, "step": 9, "epoch": 1.5, "loss": 0.7}
    write(tmp_path, look(0, 5, 1.0), step, look(1, 5, 1.0), look(1, 10, 2.0))
    found = history(tmp_path)
    assert [one.epoch for one in found.looks] == [1.0, 2.5, 3.5]
    assert found.steps == ((1.5, 0.7),)
    assert found.stages == (1.5,)


def test_work_done_again_counts_once(tmp_path: Path) -> None:
    """What a resumed run repeats replaces what was there, and a line cut off is passed over."""
    write(tmp_path, look(0, 5, 1.0, 0.1), look(0, 10, 2.0, 0.2), look(0, 5, 1.0, 0.3))
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"event": "evalu')
    assert [one.accuracy for one in history(tmp_path).looks] == [0.3, 0.2]


def test_other_events_are_no_history(tmp_path: Path) -> None:
    """Notes are passed over; without a file there is no history."""
    assert history(tmp_path).looks == ()
    write(tmp_path, {"event": "note", "text": "x", "exact": True})
    assert history(tmp_path).looks == ()
