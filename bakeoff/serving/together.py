"""Pictures of several requests computed at once, which a GPU does as quickly as one.

Nothing is waited for: while one batch is computed others come, and they are the next.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Engine, Outputs

__all__ = ["Together"]

Pixels = npt.NDArray[np.uint8]


class _Brought:
    """Pictures of one request, and what becomes of them."""

    def __init__(self, pictures: Pixels) -> None:
        self.pictures = pictures
        self.outputs: Outputs | None = None
        self.error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.outputs is not None or self.error is not None


class Together:
    """An engine for lanes that each bring their pictures: whoever finds it free computes for all
    who wait."""

    def __init__(self, engine: Engine, most: int, seen: Callable[[int], None]) -> None:
        self._engine = engine
        self._most = most
        self._seen = seen
        """Told how many pictures were computed at once."""

        self._waiting: deque[_Brought] = deque()
        self._turn = threading.Lock()
        """Held by the lane that computes."""

    @property
    def name(self) -> str:
        """That of the engine."""
        return self._engine.name

    @property
    def tolerance(self) -> float:
        """That of the engine."""
        return self._engine.tolerance

    def __call__(self, pictures: Pixels) -> Outputs:
        """As the engine by itself."""
        mine = _Brought(pictures)
        self._waiting.append(mine)
        with self._turn:
            while not mine.is_done:
                self._compute(self._batch())
        if mine.error is not None:
            raise mine.error
        assert mine.outputs is not None
        return mine.outputs

    def _batch(self) -> list[_Brought]:
        """Those who have waited longest, as many as can be computed at once."""
        batch = [self._waiting.popleft()]
        count = len(batch[0].pictures)
        while self._waiting and count + len(self._waiting[0].pictures) <= self._most:
            batch.append(self._waiting.popleft())
            count += len(batch[-1].pictures)
        self._seen(count)
        return batch

    def _compute(self, batch: list[_Brought]) -> None:
        try:
            outputs = self._engine(np.concatenate([one.pictures for one in batch]))
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            # What one of them cannot have, perhaps the others can.
            for one in batch:
                self._compute([one])
            return
        start = 0
        for one in batch:
            end = start + len(one.pictures)
            features = outputs.features
            one.outputs = Outputs(
                probabilities=outputs.probabilities[start:end],
                scores=outputs.scores[start:end],
                features=None if features is None else features[start:end],
            )
            start = end
