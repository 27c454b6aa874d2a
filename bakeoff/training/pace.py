"""How far a stage is, and how far each step brings it: by count, or so that time is used up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Pace"]

_NEWEST = 0.5
"""Weight of the newest measurement: a machine may be shared, and its speed change."""

_DONE = 1 - 1e-9


class Pace:
    """The place in one stage, from 0 to 1.

    By count it is steps done of `steps`. By time each step is as large a share of what is left of
    the stage as its cost is of the time that is left until `ends`, on the clock `used`; so place 1
    is reached then, whatever the speed turns out to be.
    """

    def __init__(
        self,
        *,
        steps: int,
        epoch: int,
        ends: float | None,
        used: Callable[[], float],
        look: float,
        capped: bool,
        looks_after: float = 0.0,
    ) -> None:
        self.place = 0.0
        self.steps, self.epoch, self.ends = steps, epoch, ends
        self.used = used
        self._look_in_steps = look
        """What a look at validation may cost, in steps, before one was measured."""
        self._capped = capped
        """Whether `steps` are enough, even if there is time for more."""
        self._looks = 1 + looks_after
        """Looks at validation there must be time for in the end: the stage's own, and more."""
        self.per_step = 0.0
        """Seconds that a step takes; 0 before one was measured."""
        self._per_look, self._measured = 0.0, 0

    def length(self, wanted: int, done: int) -> int:
        """How many of the wanted steps there are until an epoch or the stage ends."""
        length = min(wanted, self.epoch - done % self.epoch)
        if self.ends is None or self._capped:
            length = min(length, self.steps - done)
        if self.ends is not None and self._measured:
            length = min(length, int(self._left() / self._cost))
        return max(1, length)

    def share(self, length: int) -> float:
        """What share of the stage each of the next `length` steps is."""
        if self.ends is None:
            return 1 / self.steps
        # Before anything is known of its cost, a step is no progress.
        share = 0.0
        if self._measured:
            left = max(self._left(), self._cost * length)
            share = (1 - self.place) * self._cost / left
        return max(share, 1 / self.steps) if self._capped else share

    def move(self, share: float, done: int) -> None:
        """A step was made, the stage's `done`-th."""
        # By count not a sum of shares, which would end a little before 1 or beyond it.
        self.place = min(1.0, done / self.steps if self.ends is None else self.place + share)
        if self.place > _DONE:
            self.place = 1.0

    def worked(self, seconds: float, steps: int) -> None:
        """So many steps took so long."""
        self._measured += 1
        # The first steps also set things up; their time says little.
        weight = _NEWEST if self._measured > 2 else 1.0
        self.per_step += weight * (max(seconds, 1e-6) / steps - self.per_step)

    def looked(self, seconds: float) -> None:
        """A look at validation took so long."""
        self._per_look += (_NEWEST if self._per_look else 1.0) * (seconds - self._per_look)

    @property
    def _cost(self) -> float:
        """Of a step with its part of the look that ends each epoch."""
        return self.per_step + self._look() / self.epoch

    def _look(self) -> float:
        return self._per_look or self._look_in_steps * self.per_step

    def _left(self) -> float:
        assert self.ends is not None
        return self.ends - self.used() - self._looks * self._look()

    def scalars(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "place": self.place,
            "ends": self.ends,
            "costs": [self.per_step, self._per_look, self._measured],
        }

    def load(self, scalars: dict[str, Any]) -> None:
        """Go on where these were taken."""
        self.place, self.ends = scalars["place"], scalars["ends"]
        self.per_step, self._per_look, self._measured = scalars["costs"]
