"""Files that TensorBoard reads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bakeoff.runs.run import Run
from bakeoff.runs.tracking.tensorboard import TensorBoard
from bakeoff.runs.tracking.tracker import Ending, Point
from bakeoff.spec.errors import MissingExtraError
from tests.runs.tracking.made import started


def live(run: Run, steps: range, ending: Ending = "stopped") -> None:
    """One life of a run, whose loss is its step."""
    tracker = TensorBoard()
    tracker.open(run, steps[0])
    tracker.write([Point(step=n, time=100.0 + n, values={"train/loss": n}) for n in steps])
    tracker.close(ending)


def read(run: Run) -> EventAccumulator:
    """What TensorBoard sees."""
    found = EventAccumulator(str(run.path / "tensorboard"), purge_orphaned_data=True)
    found.Reload()
    return found


def test_values_and_settings(tmp_path: Path) -> None:
    """Numbers at their steps and times; what was trained as text."""
    run = started(tmp_path / "run")
    live(run, range(1, 4))
    seen = [(one.step, one.value, one.wall_time) for one in read(run).Scalars("train/loss")]
    assert seen == [(1, 1.0, 101.0), (2, 2.0, 102.0), (3, 3.0, 103.0)]
    (told,) = read(run).Tensors("parameters/text_summary")
    assert b'"stages.2.optimiser.rate": "0.25"' in told.tensor_proto.string_val[0]


def test_going_on(tmp_path: Path) -> None:
    """A later life adds to the earlier, and what is done again is shown once."""
    run = started(tmp_path / "run")
    live(run, range(1, 6))
    live(run, range(4, 8), "finished")
    assert [one.step for one in read(run).Scalars("train/loss")] == [1, 2, 3, 4, 5, 6, 7]
    assert len(read(run).Tensors("parameters/text_summary")) == 1


def test_where_to_look(tmp_path: Path) -> None:
    """With the command that shows it."""
    folder = tmp_path / "run" / "tensorboard"
    assert TensorBoard().place(Run(path=tmp_path / "run")) == (
        f"{folder} (tensorboard --logdir {folder})"
    )


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The part that brings it is named."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"--track tensorboard needs .*'tensorboard'"):
        TensorBoard()
