"""The table that every number comes from: what a classifier said of each picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Predictions"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """One row for each picture of a part."""

    indices: npt.NDArray[np.int64]
    """Of the pictures in their dataset."""

    labels: npt.NDArray[np.int64]
    """True classes."""

    probabilities: npt.NDArray[np.float32]
    """Pictures × classes."""

    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.labels)
        assert self.indices.shape == (count,), self.indices.shape
        assert self.probabilities.shape == (count, len(self.classes)), self.probabilities.shape

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The likeliest class; of equally likely ones the first."""
        return np.asarray(self.probabilities.argmax(1))

    @cached_property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Whether that is the true one."""
        return np.asarray(self.predicted == self.labels)

    @cached_property
    def confidence(self) -> npt.NDArray[np.float32]:
        """The probability of the predicted class."""
        return np.asarray(self.probabilities.max(1))
