"""Whose turn gets how much of the time, and when there is too little left for another round."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.runs.allotment import Allotment
from bakeoff.runs.board import Status
from bakeoff.runs.journal import Past
from bakeoff.runs.lineup import Contender, Lineup

__all__ = ["Sharing", "status_of"]

_ENOUGH = 0.5
"""Share of the first seed's time below which no other seed is begun."""


@dataclass(kw_only=True, eq=False)
class Sharing:
    """The runs to come, and the time there is for them."""

    lineup: Lineup
    seeds: int
    past: Past
    allotment: Allotment

    def share(self, contender: Contender, seed: int) -> float | None:
        """Seconds for this run. Within a round all that use up their time get the same."""
        if self.allotment.seconds is None:
            return None
        if contender.expected.fills:
            for one in self.lineup.contenders:
                name = f"{one.name}-{seed}"
                if one.expected.fills and name in self.past.shares:
                    return self.past.shares[name]
        filling, ending = 0, dict[str, int]()
        still = [one for one in self.lineup.contenders if self.given_up(one) is None]
        for one in still:
            count = sum(f"{one.name}-{k}" not in self.past.ended for k in range(self.seeds))
            if one.expected.fills:
                filling += count
            elif count:
                ending[one.name] = count
        return self.allotment.share(
            contender.name,
            filling=filling,
            others=ending,
            unmeasured=sum(one.name not in self.past.costs for one in still),
            seeds=self.seeds,
        )

    def is_too_late(self, seed: int) -> bool:
        """Whether a round would give its runs far less time than the first one's had: such a seed
        says little of the same recipe."""
        shares = self.past.shares
        filling = [one for one in self.lineup.contenders if one.expected.fills]
        first = [share for one in filling if (share := shares.get(f"{one.name}-0")) is not None]
        still = [one for one in filling if self.given_up(one) is None]
        begun = any(f"{one.name}-{seed}" in shares for one in self.lineup.contenders)
        if seed == 0 or begun or self.allotment.seconds is None:
            return False
        if not self._holds(seed):
            return True
        if not first or not still:
            return False
        share = self.share(still[0], seed)
        return share is not None and share < _ENOUGH * max(first)

    def _holds(self, seed: int) -> bool:
        """Whether what is left holds the least that another round takes."""
        still = [one for one in self.lineup.contenders if self.given_up(one) is None]
        need = sum(
            one.expected.least
            if one.expected.fills
            else self.allotment.used.get(one.name, one.expected.least)
            for one in still
        )
        unmeasured = sum(one.name not in self.past.costs for one in still)
        left = self.allotment.left(unmeasured, seed + 1)
        return left is None or left >= need

    def given_up(self, contender: Contender) -> tuple[Status, str] | None:
        """Why a contender gets no other run."""
        if contender.name in self.past.stopped:
            return "stopped", self.past.stopped[contender.name]
        every = [self.past.ended.get(f"{contender.name}-{seed}") for seed in range(self.seeds)]
        for seed, ended in enumerate(every):
            if ended is not None and ended.status == "stopped":
                # Whatever its other seeds reached: without this one their mean would flatter it.
                return "stopped", f"Seed {seed}: {ended.reason}"
        for seed, ended in enumerate(every):
            if ended is None or ended.status == "finished":
                return None
            if ended.status != "finished":
                return status_of(ended.status), f"Seed {seed}: {ended.reason}"
        return None


def status_of(word: str) -> Status:
    """A status as it is on record."""
    known: dict[str, Status] = {
        "finished": "finished",
        "crashed": "crashed",
        "stopped": "stopped",
        "unfinished": "unfinished",
    }
    return known[word]
