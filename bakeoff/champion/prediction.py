"""The answer for one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Prediction"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What a champion says of a picture."""

    label: str
    """The likeliest class, also where it is unlikely to be any of them: see `unknown`."""

    probability: float
    """Of `label`, calibrated: of all answers with .9, nine in ten are right."""

    probabilities: Mapping[str, float]
    """Of every class, the likeliest first."""

    unknown: bool | None
    """Whether the picture looks like none of the classes. None: the champion cannot tell, as it
    was never measured."""

    strangeness: float | None
    """What that was decided by: above the champion's threshold is unknown. None as above."""
