"""A stage with another batch: its rates follow, so that it still learns as it was meant to.

SGD's rate goes in proportion to the batch: half as many steps, each twice as long. The step of
Adam, AdamW, RMSProp and Muon hardly depends on how large a gradient is, only on how much of it is
noise, so their rate goes with the square root. A moving average remembers as many pictures.
"""

from __future__ import annotations

from dataclasses import replace

from bakeoff.spec.training import SGD, Muon, Optimiser, Stage

__all__ = ["rebatched", "rule"]


def rebatched(stage: Stage, batch: int) -> Stage:
    """The same stage with another batch and what follows from it."""
    times = batch / stage.batch
    average = None if stage.average is None else min(stage.average**times, 0.99999)
    optimiser = _scaled(stage.optimiser, times)
    return replace(stage, batch=batch, optimiser=optimiser, average=average)


def rule(optimiser: Optimiser) -> str:
    """How rates follow the batch, in words."""
    if isinstance(optimiser, SGD):
        return "in proportion to the batch"
    if isinstance(optimiser, Muon):
        return "with the root of the batch, those that SGD uses in proportion to it"
    return "with the root of the batch"


def _scaled(optimiser: Optimiser, times: float) -> Optimiser:
    if isinstance(optimiser, SGD):
        return replace(optimiser, rate=optimiser.rate * times)
    scaled = replace(optimiser, rate=optimiser.rate * times**0.5)
    if isinstance(scaled, Muon):
        other = replace(scaled.other, rate=scaled.other.rate * times)
        return replace(scaled, other=other, head_rate=scaled.head_rate * times)
    return scaled
