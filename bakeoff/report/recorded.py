"""What runs left in their directories, read without the libraries that trained them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.evaluation.predictions import Predictions
from bakeoff.spec.errors import DataError

__all__ = ["History", "Look", "history", "predictions"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One look at validation."""

    epoch: float
    """Passes over the training part, all stages together."""

    train_loss: float
    loss: float
    accuracy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """How a training went."""

    looks: tuple[Look, ...] = ()
    steps: tuple[tuple[float, float], ...] = ()
    """Epoch and training loss since the line before."""

    stages: tuple[float, ...] = ()
    """Epochs at which stages ended, but for the last."""


def history(run: Path) -> History:
    """The course of the run in this directory; an estimator that is fitted in one go has none."""
    kinds: dict[str, dict[tuple[int, int], dict[str, Any]]] = {"steps": {}, "evaluated": {}}
    for event in _events(run):
        if event.get("event") in kinds:
            # What a crash made it do again counts as it was the last time.
            kinds[event["event"]][event["stage"], event["step"]] = event
    lengths: dict[int, float] = {}
    for events in kinds.values():
        for (stage, _), event in events.items():
            lengths[stage] = max(lengths.get(stage, 0.0), event["epoch"])
    before = {stage: sum(lengths[s] for s in lengths if s < stage) for stage in lengths}
    steps, evaluated = (
        [(before[stage] + event["epoch"], event) for (stage, _), event in sorted(events.items())]
        for events in (kinds["steps"], kinds["evaluated"])
    )
    return History(
        looks=tuple(
            Look(epoch=epoch, **{key: event[key] for key in ("train_loss", "loss", "accuracy")})
            for epoch, event in evaluated
        ),
        steps=tuple((epoch, event["loss"]) for epoch, event in steps),
        stages=tuple(before[stage] for stage in sorted(before) if before[stage]),
    )


def _events(run: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = (run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            # A crash cuts a line off.
            continue


def predictions(run: Path, part: str, classes: tuple[str, ...]) -> Predictions:
    """What the run said of each picture of a part, such as "val" or "test"."""
    file = run / "predictions" / f"{part}.npz"
    try:
        # Of a damaged file that it opened itself, NumPy would leave the handle open.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as saved:
            found = {name: saved[name] for name in ("indices", "labels", "probabilities")}
    except FileNotFoundError:
        raise DataError(
            str(run),
            f"holds no predictions of the part {part!r}: {file.relative_to(run)} is missing",
        ) from None
    except (ValueError, KeyError, OSError, zipfile.BadZipFile):
        raise DataError(str(file), "is not a table of predictions, or damaged") from None
    return Predictions(classes=classes, **found)
