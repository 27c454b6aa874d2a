"""Into files that TensorBoard reads, in the run's directory."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bakeoff.runs.run import Run
from bakeoff.runs.tracking.facts import parameters
from bakeoff.runs.tracking.tracker import Ending, Point
from bakeoff.spec.errors import MissingExtraError

__all__ = ["TensorBoard"]

_FLUSH = 10
"""Seconds until what was written can be seen."""


class TensorBoard:
    """Each life of a run writes a file of its own."""

    name = "tensorboard"

    def __init__(self) -> None:
        try:
            self._made = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        except ImportError as error:
            raise MissingExtraError("--track tensorboard", "tensorboard") from error
        self._writer: Any = None

    def place(self, run: Run) -> str:
        return f"{_folder(run)} (tensorboard --logdir {_folder(run)})"

    def open(self, run: Run, step: int) -> None:
        folder = _folder(run)
        # What is told again after a crash is shown once.
        purge = step if folder.exists() else None
        self._writer = self._made(str(folder), purge_step=purge, flush_secs=_FLUSH)
        if purge is None:
            told = json.dumps(parameters(run), indent=2, ensure_ascii=False)
            self._writer.add_text("parameters", "\n".join(f"    {x}" for x in told.splitlines()))

    def write(self, points: Sequence[Point]) -> None:
        for point in points:
            for name, value in point.values.items():
                self._writer.add_scalar(name, value, point.step, walltime=point.time)

    def close(self, ending: Ending) -> None:
        self._writer.close()


def _folder(run: Run) -> Path:
    return run.path / "tensorboard"
