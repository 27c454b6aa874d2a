"""What rate to train at, found by trying: the rate rises from far too low to far too high.

The loss first hardly moves, then falls, then explodes. What is tried is a copy: neither the weights
nor any random state are touched.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bakeoff.training import chance
from bakeoff.training.feeding import Job, fed
from bakeoff.training.leg import Leg, is_out_of_memory

__all__ = ["Rate", "Tried", "find_rate", "steepest"]

STEPS = 60

_LOWEST, _HIGHEST = 1e-3, 1e2
"""Times the declared rate."""

_EXPLODED = 3.0
"""Times the first loss, once smoothed, at which it will not come down again."""

_MEMORY = 0.8
"""Of the loss that this is judged by, as steps are made."""

_BLUR = 0.12
"""Decades of the rate over which losses are smoothed before their slope is asked for."""

_CLEAR = 2.5
"""Times the noise of the losses by which they must fall for their slope to say anything."""


_LEAST = 1e-6
"""Of a fall of the loss's logarithm, where there is no noise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """One step."""

    factor: float
    """Times the declared rate."""

    loss: float
    """Of its batch, before the step."""

    smooth: float
    """The loss with those of neighbouring rates; it is this whose slope counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """What was found for one stage."""

    tried: tuple[Tried, ...]
    """In rising order."""

    declared: float
    """The stage's rate as it is; an optimiser with several has them all multiplied alike."""

    factor: float | None
    """What to multiply it by; None: at no rate did the loss fall."""

    exploded: bool
    """Whether the end was reached where the loss was too large to go on."""

    @property
    def suggested(self) -> float | None:
        """The rate to train at."""
        return None if self.factor is None else self.declared * self.factor


def find_rate(
    job: Job,
    number: int = 0,
    *,
    steps: int = STEPS,
    stop: Callable[[], bool] = lambda: False,
) -> Rate:
    """Try rising rates on a copy of the classifier as it is, with what stage `number` declares.

    Suggested is where the smoothed loss falls most steeply against the logarithm of the rate.
    """
    captured = chance.capture()
    try:
        chance.seed(job.seed)
        factors = np.geomspace(_LOWEST, _HIGHEST, steps)
        losses, exploded = _losses(job, _leg(job, number), factors, stop)
    finally:
        chance.restore(*captured)
    return _told(job.stages[number].optimiser.rate, factors[: len(losses)], losses, exploded)


def steepest(
    factors: npt.NDArray[np.float64], losses: Sequence[float]
) -> tuple[npt.NDArray[np.float64], float | None]:
    """The smoothed losses, and the factor at which they fall most steeply, if they fall."""
    places = np.log10(factors)
    distances = (places[:, None] - places[None, :]) / _BLUR
    near = np.exp(-(distances**2) / 2)
    # Of logarithms, so that one loss that explodes does not reach far to its left.
    levels = np.log(losses)
    smooth = near @ levels / near.sum(1)
    lowest = int(smooth.argmin())
    noise = float((levels - smooth)[: max(lowest + 1, len(levels) // 2)].std())
    factor = None
    if smooth[0] - smooth[lowest] > max(_CLEAR * noise, _LEAST):
        slopes = np.gradient(np.exp(smooth[: lowest + 1]), places[: lowest + 1])
        factor = float(factors[int(slopes.argmin())])
    return np.exp(smooth), factor


def _leg(job: Job, number: int) -> Leg:
    copied = replace(job, classifier=copy.deepcopy(job.classifier))
    food = fed(copied, number)
    # Averages follow the weights and change nothing of them.
    stage = replace(job.stages[number], average=None, lookahead=None)
    return Leg(
        copied.classifier,
        stage,
        food.train,
        device=job.device,
        team=job.team,
        on_features=food.on_features,
        piece=job.piece,
        weights=food.weights,
    )


def _losses(
    job: Job, leg: Leg, factors: npt.NDArray[np.float64], stop: Callable[[], bool]
) -> tuple[list[float], bool]:
    found: list[float] = []
    smooth = 0.0
    try:
        for factor in factors.tolist():
            _step(leg, factor)
            loss = leg.take_loss()
            job.progress("trying rates", len(found) + 1, len(factors), "steps")
            if not math.isfinite(loss):
                return found, True
            found.append(max(loss, 1e-12))
            smooth = _MEMORY * smooth + (1 - _MEMORY) * loss
            if smooth / (1 - _MEMORY ** len(found)) > _EXPLODED * found[0]:
                return found, True
            if stop():
                break
    finally:
        leg.close()
    return found, False


def _step(leg: Leg, factor: float) -> None:
    """One step, in smaller pieces where memory does not hold it whole."""
    while True:
        try:
            leg.step(factor)
            return
        except Exception as error:
            if not is_out_of_memory(error) or not leg.shrink():
                raise


def _told(
    rate: float, factors: npt.NDArray[np.float64], losses: list[float], exploded: bool
) -> Rate:
    if not losses:
        return Rate(tried=(), declared=rate, factor=None, exploded=exploded)
    smooth, factor = steepest(factors, losses)
    tried = tuple(
        Tried(factor=one, loss=loss, smooth=level)
        for one, loss, level in zip(factors.tolist(), losses, smooth.tolist(), strict=True)
    )
    return Rate(tried=tried, declared=rate, factor=factor, exploded=exploded)
