"""What the engine says while it trains: values, for whoever listens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bakeoff.training.checkpoint import LoopState

__all__ = ["Checkpointed", "Evaluated", "Event", "Finished", "Noted", "Stepped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stepped:
    """Some steps are done."""

    stage: int
    step: int
    """Steps done in this stage."""

    epoch: float
    """Passes over the training part done in this stage."""

    place: float
    """Share of the stage that is done, 0 to 1."""

    loss: float
    """Mean over the pictures since the last event of this kind."""

    rate: float
    """Share of the peak rate at the last step."""

    pictures: int
    """Trained on since the last event of this kind."""

    seconds: float
    """Spent on them."""

    memory: int | None
    """The most bytes this process has held so far, on the GPU where there is one; None where the
    system does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """The validation part was looked at."""

    stage: int
    step: int
    epoch: float

    train_loss: float
    """Mean over the pictures trained on since the last look."""

    loss: float
    accuracy: float

    probabilities: npt.NDArray[np.float32]
    """Pictures × classes, in the part's order."""

    best: bool
    """Whether these are the weights that will be kept, so far."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpointed:
    """All that is needed to go on from here; to be written down by the listener at once, as frozen
    weights in it are no copies."""

    state: LoopState


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """Something happened that the run's record must tell."""

    text: str

    exact: bool = True
    """Whether the run can still be repeated bit by bit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """All stages are over, and the classifier holds the weights that are kept."""

    probabilities: npt.NDArray[np.float32]
    """Of the validation part by these weights, pictures × classes."""

    steps: int
    """Over all stages."""

    losses: tuple[float, ...]
    """Mean training loss before each look at validation, over all stages and lives."""

    seconds: float
    """Spent on training in all lives of the run, looks included."""


Event = Stepped | Evaluated | Checkpointed | Noted | Finished
