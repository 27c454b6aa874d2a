"""What a run writes down while it trains, made up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["events_of"]

EPOCHS, LINES, STEPS = 8, 5, 30
"""Epochs of a run, lines of steps within each, and steps."""


def events_of(accuracy: float, place: int, seed: int, seconds: float) -> list[dict[str, Any]]:
    """Lines of events.jsonl of a run that ends with `accuracy`; every second one has two stages."""
    random = np.random.default_rng([place, seed, 3])
    split = 3 if place % 2 else EPOCHS
    began = 1_772_000_000.0
    lines: list[dict[str, Any]] = []
    for epoch in range(EPOCHS):
        stage, before = (0, 0) if epoch < split else (1, split)
        length = split if stage == 0 else EPOCHS - split
        for line in range(1, LINES + 1):
            done = epoch + line / LINES
            step = round((done - before) * STEPS)
            loss = 0.3 + 2 * math.exp(-0.5 * done) + float(random.normal(0, 0.03))
            lines.append(
                {
                    "event": "steps",
                    "time": round(began + seconds * done / EPOCHS, 3),
                    "stage": stage,
                    "step": step,
                    "epoch": done - before,
                    "place": (done - before) / length,
                    "loss": loss,
                    "rate": 1 - done / EPOCHS,
                    "pictures": 64 * STEPS // LINES,
                    "seconds": seconds / EPOCHS / LINES,
                }
            )
        reached = accuracy * (1 - math.exp(-0.6 * (epoch + 1))) / (1 - math.exp(-0.6 * EPOCHS))
        lines.append(
            {
                "event": "evaluated",
                "time": lines[-1]["time"],
                "stage": stage,
                "step": lines[-1]["step"],
                "epoch": float(epoch + 1 - before),
                "train_loss": 0.3 + 2 * math.exp(-0.5 * (epoch + 0.5)),
                "loss": 0.4 + 1.9 * math.exp(-0.5 * (epoch + 1)) + 0.01 * epoch,
                "accuracy": reached,
                "best": True,
                "seconds": 0.2,
            }
        )
    return lines
