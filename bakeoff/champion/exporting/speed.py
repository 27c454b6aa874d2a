"""How fast an engine is beside another, on the same pictures in the same minute."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.champion.engine import Engine

__all__ = ["BATCH", "Apart", "Speed", "race"]

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


@runtime_checkable
class Apart(Protocol):
    """An engine in a process of its own, where it times itself on one thread: what it takes to get
    there is none of its speed."""

    def timed(self, shown: Sequence[Pixels], *, seconds: float, most: int) -> list[float]:
        """The median of each batch in seconds, seen as often as `seconds` allow."""


def race(engine: Engine, champion: Engine, pictures: Pixels) -> Speed:
    """An engine of one thread against the champion in torch: by turns, so that what else the
    machine does slows both alike, or one after the other where the engine is `Apart`."""
    many = np.resize(pictures, (BATCH, *pictures.shape[1:]))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        batches = (many[:1], many)
        if isinstance(engine, Apart):
            mine = engine.timed(batches, seconds=_SECONDS, most=_MOST)
            others = [_turns([champion], shown)[0] for shown in batches]
            found = [list(pair) for pair in zip(mine, others, strict=True)]
        else:
            found = [_turns([engine, champion], shown) for shown in batches]
    finally:
        torch.set_num_threads(before)
    (alone, other), (together, batched) = found
    return Speed(
        latency=alone,
        throughput=BATCH / together,
        faster=(other / alone, batched / together),
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
