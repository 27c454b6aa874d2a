"""How strange a picture is to a classifier: what "none of these" is decided by.

Apart from how its threshold is set, since whatever opens a champion needs this, and neither scipy
nor what else setting one takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.spec.errors import DataError

__all__ = ["METHODS", "log_sum", "strangeness"]

Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.floating[Any]]


METHODS = ("energy", "doubt")


def strangeness(
    method: str,
    scores: Scores,
    features: Scores | None,
    reference: Mapping[str, npt.NDArray[Any]],
    temperature: float,
) -> Floats:
    """How strange each picture is, a row of `scores` each; higher is stranger.

    `energy`: how little any class answers, whatever the others do. `doubt`: how far the likeliest
    class is from certain, at `temperature`.
    """
    values = scores.astype(np.float64)
    if method == "energy":
        return -log_sum(values)
    if method == "doubt":
        raised = values / temperature
        return np.asarray(-np.expm1(raised.max(1) - log_sum(raised)))
    raise DataError(
        "unknown: method",
        "must be 'energy' or 'doubt', those that this Bakeoff knows",
        method,
        "Use the Bakeoff that wrote it.",
    )


def log_sum(values: Scores) -> Floats:
    """Logarithm of the sum of the exponentials of each row, however large they are."""
    raised = values.astype(np.float64)
    top = raised.max(1, keepdims=True)
    return np.asarray(np.log(np.exp(raised - top).sum(1)) + top[:, 0])
