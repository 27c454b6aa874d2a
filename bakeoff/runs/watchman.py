"""Who sits beside one run of a bake-off: tells how far it is, and says when it has to stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from bakeoff.runs.board import Status
from bakeoff.runs.elimination import Halfway
from bakeoff.spec.training import Stage
from bakeoff.training.events import Evaluated, Event, Stepped

__all__ = ["Watchman"]

_SLACK = 1.5
"""Times its share that a fit may take, which cannot be told to hurry."""


class Watchman:
    """Listens to one run."""

    def __init__(
        self,
        stages: tuple[Stage, ...],
        *,
        tell: Callable[[Event, float], None],
        asked: Callable[[], bool],
        aside: Callable[[], None],
        share: float | None,
        best: tuple[str, float] | None,
        pictures: int,
    ) -> None:
        self._stages, self._tell, self._asked = stages, tell, asked
        self._aside: Callable[[], None] | None = aside
        self._share = share
        """Seconds after which it is cut short; None where it keeps to its time by itself."""

        self._began = time.monotonic()
        self._place = 0.0
        # The curve of several stages has jumps that a quarter of it does not announce.
        name, accuracy = best if best is not None and len(stages) == 1 else ("", None)
        self._halfway = Halfway(accuracy, name, pictures)
        self.reason: tuple[Status, str] | None = None
        """Why it was stopped, if not by the user."""

    def heard(self, event: Event) -> None:
        """An event of the run."""
        if isinstance(event, Stepped):
            total = sum(stage.epochs for stage in self._stages)
            before = sum(stage.epochs for stage in self._stages[: event.stage])
            self._place = (before + event.place * self._stages[event.stage].epochs) / total
        elif isinstance(event, Evaluated):
            self._halfway.looked(self._place, event.accuracy)
        self._tell(event, self._place)

    def stop(self) -> bool:
        """Whether to. What the user wants comes first, and is on record at once: should the system
        lose patience and kill the process, the run is not blamed."""
        if self._asked():
            self.reason = None
            if self._aside is not None:
                self._aside()
                self._aside = None
            return True
        if self._halfway.reason is not None:
            self.reason = ("stopped", self._halfway.reason)
        elif self._share is not None and time.monotonic() - self._began > _SLACK * self._share:
            why = f"It takes longer than its share of the budget, {self._share:.0f} s."
            self.reason = ("unfinished", why)
        return self.reason is not None
