"""How fast an engine is beside another, on the same pictures in the same minute."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.champion.engine import Engine

__all__ = ["BATCH", "Speed", "race"]

BATCH = 32
_SECONDS = 1.0
_MOST = 100
_FEWEST = 3

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Medians, on one thread: several would wait for each other where a machine is busy, and then
    a ratio would say more of that than of the engines."""

    latency: float
    """Seconds for one picture alone."""

    throughput: float
    """Pictures a second, in batches of `BATCH`."""

    faster: tuple[float, float]
    """So many times as fast as the champion in torch: alone, and in batches."""

    threads: int


def race(engine: Engine, champion: Engine, pictures: Pixels) -> Speed:
    """An engine of one thread against the champion in torch, by turns, so that what else the
    machine does slows both alike."""
    many = np.resize(pictures, (BATCH, *pictures.shape[1:]))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = [_turns([engine, champion], shown) for shown in (many[:1], many)]
    finally:
        torch.set_num_threads(before)
    (alone, other), (together, others) = found
    return Speed(
        latency=alone,
        throughput=BATCH / together,
        faster=(other / alone, others / together),
        threads=1,
    )


def _turns(engines: Sequence[Engine], pictures: Pixels) -> list[float]:
    """The median of each, in seconds."""
    for engine in engines:
        # The first one pays for what is set up at first use.
        engine(pictures)
    took: list[list[float]] = []
    end = time.perf_counter() + _SECONDS
    while len(took) < _FEWEST or (time.perf_counter() < end and len(took) < _MOST):
        took.append([_once(engine, pictures) for engine in engines])
    return [float(value) for value in np.median(took, axis=0)]


def _once(engine: Engine, pictures: Pixels) -> float:
    start = time.perf_counter()
    engine(pictures)
    return time.perf_counter() - start
