"""What every new process pays before it opens a run: Python, torch and Bakeoff imported.

It is the same for all contenders of one kind and by far the largest part of a cold start, so one
new process is asked for it, once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from bakeoff.models.catalogue import timm
from bakeoff.training.device import Device, Precision, choose

__all__ = ["Start", "ready", "starting"]

_PATIENCE = 120.0
"""Seconds after which a process that is not ready is given up."""

_READY = "ready at"


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """How long it took; or why nobody knows."""

    seconds: float | None
    trouble: str = ""


def starting(device: Device, *, backbone: bool) -> Start:
    """Seconds from the start of a new process until it could open a run on `device`, with what
    published backbones need or without."""
    precision: Precision = "full" if device.dtype == torch.float32 else "fast"
    return _started(sys.executable, str(device.place), precision, backbone)


def ready(place: str, precision: Precision, backbone: str) -> None:
    """What the new process does: all that comes before opening a run."""
    if backbone:
        timm()
    device = choose(place, precision=precision)
    device.apply()
    torch.zeros(1, device=device.place).cpu()
    sys.stdout.write(f"{_READY} {time.time()} {time.process_time()}\n")


@cache
def _started(executable: str, place: str, precision: Precision, backbone: bool) -> Start:
    program = (
        f"import bakeoff.runs.reopen; from {__name__} import ready; import sys; "
        "ready(*sys.argv[1:])"
    )
    command = [executable, "-c", program, place, precision, "yes" if backbone else ""]
    # The same package, wherever the process that asks found it.
    home = str(Path(__file__).parents[2])
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    # By the clock that both processes see.
    began = time.time()
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Start(seconds=None, trouble=f"a new process did not answer within {_PATIENCE:.0f} s")
    said = done.stdout.strip().rsplit(" ", 2)
    if done.returncode != 0 or said[0] != _READY:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Start(seconds=None, trouble=f"a new process did not answer: {last}")
    wall, worked = float(said[1]) - began, float(said[2])
    # Imports run on one thread: what is longer than its own time was spent waiting for others.
    return Start(seconds=min(wall, worked) if place == "cpu" else wall)
