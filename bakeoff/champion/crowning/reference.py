"""What pictures were like when the champion was made: what later ones are compared with.

All of the validation part, as the champion itself sees it: it was not learnt from, and the test
part stays sealed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Outputs
from bakeoff.evaluation.calibration import tempered

__all__ = ["BINS", "statistics"]

BINS = 20
"""Of the histogram of confidences, from 0 to 1."""

_PERCENTILES = np.arange(101)


def statistics(
    outputs: Outputs,
    temperature: float,
    *,
    widths: npt.NDArray[np.int32],
    heights: npt.NDArray[np.int32],
) -> dict[str, npt.NDArray[Any]]:
    """The arrays for drift, of outputs before any temperature. Histograms are counts; sizes are
    percentiles from 0 to 100 of the pictures as they came."""
    shares = tempered(outputs.probabilities, temperature)
    found: dict[str, npt.NDArray[Any]] = {
        "confidence": np.histogram(shares.max(1), BINS, (0, 1))[0].astype(np.int64),
        "classes": np.bincount(shares.argmax(1), minlength=shares.shape[1]).astype(np.int64),
        "widths": np.percentile(widths, _PERCENTILES).astype(np.float32),
        "heights": np.percentile(heights, _PERCENTILES).astype(np.float32),
    }
    if outputs.features is not None:
        features = outputs.features.astype(np.float64)
        found["feature_mean"] = features.mean(0).astype(np.float32)
        found["feature_std"] = features.std(0).astype(np.float32)
    return found
