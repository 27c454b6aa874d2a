"""How the time of a bake-off is divided: from the start of the process to the written report.

What is needed at the end, for measuring, for the test part and for the report, is set aside. The
rest is divided equally over the runs to come; within a round, one seed of everyone, all that use up
their time get the same. What others leave over goes to the rounds to come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Allotment"]

_FIRST_GUESS = 5.0
"""Seconds of measuring a contender before one was measured."""

_END = 1.2
"""Seconds for statistics and reports before the contenders' part in them."""

_END_EACH = 0.3

_END_ROW = 3e-5
"""For each picture that a run is measured on: intervals draw from all of them."""

_CHAMPION = 4.0
"""Seconds to make a champion, its graph above all, before it looks at any picture."""

_AGAIN = 1.5


@dataclass(kw_only=True)
class Allotment:
    """The time left, and who gets how much of it."""

    seconds: float | None
    """For everything; None: as long as it takes."""

    spent: Callable[[], float]
    """Seconds since the start, earlier lives included."""

    pictures: int = 0
    """In the part that is measured at the end."""

    measuring: list[float] = field(default_factory=list)
    """What it took to measure a contender's cost, so far."""

    looks: dict[str, float] = field(default_factory=dict)
    """What it takes to predict the test part, by contender."""

    crowns: dict[str, float] = field(default_factory=dict)
    """What it takes to look at validation once more, for a champion, by contender."""

    champion: bool = False
    """Whether one is made at the end."""

    used: dict[str, float] = field(default_factory=dict)
    """The longest run of contenders that end when they are done."""

    def share(
        self, contender: str, *, filling: int, others: dict[str, int], unmeasured: int, seeds: int
    ) -> float | None:
        """Seconds for the next run, of `contender`.

        To come, this one included: `filling` runs that use up their time, and of `others`, by name,
        runs that end when they are done. `unmeasured` contenders will be measured yet.
        """
        left = self.left(unmeasured, seeds)
        if left is None:
            return None
        ending = sum(others.values())
        if contender in others:
            # Who took so long before takes as long again; a little longer is no reason to cut it.
            again = _AGAIN * self.used.get(contender, 0.0)
            return max(1.0, left / (filling + ending), min(again, left))
        known = sum(count * self.used.get(name, 0.0) for name, count in others.items())
        return max(1.0, (left - known) / filling)

    def left(self, unmeasured: int, seeds: int) -> float | None:
        """Seconds for runs; None: as many as they take."""
        if self.seconds is None:
            return None
        return self.seconds - self.spent() - self._end(unmeasured, seeds)

    def _end(self, unmeasured: int, seeds: int) -> float:
        """What is set aside."""
        mean = _FIRST_GUESS
        if self.measuring:
            mean = max(sum(self.measuring) / len(self.measuring), self.measuring[-1])
        looks = list(self.looks.values())
        typical = max(looks, default=1.0)
        test = seeds * (sum(looks) + unmeasured * typical)
        contenders = len(looks) + unmeasured
        each = _END_EACH + _END_ROW * self.pictures * seeds
        crown = _CHAMPION + max(self.crowns.values(), default=0.0) if self.champion else 0.0
        return _END + each * contenders + unmeasured * mean + test + crown
