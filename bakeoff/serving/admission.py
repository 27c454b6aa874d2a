"""Who is let in: never more than can be answered in time.

The queue is bounded by count, by bytes, and by how long the newcomer would wait, which follows from
what is waiting and from the rate that is measured. A burst may wait, and so may clients that each
ask again when they are answered. But where ever more is asked than is answered, no queue helps:
once the newest would wait too long it is a flood. Then whoever has waited long is sent away, and
only those are let in who hardly wait; the others are told at once, with the time after which it is
worth asking again. While a queue grows that may become one, the newest are answered first: of a
burst all are answered in the same time, and in a flood those that are answered are answered
quickly.

The event loop lets in, lanes begin and end: what they share is under one lock, held for moments.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Admission", "Full", "Ticket"]

_CALM_WAIT = (0.25, 40)
"""Where there is no flood, somebody may wait for so many seconds or so many pictures' time,
whichever is longer."""

_BURST = 0.03
"""Seconds in which what comes at once has come."""

_CALM = 1.0
"""Seconds after which a flood is over, where no more is asked than is answered."""

_SPAN = 0.5
"""Seconds over which what is asked and what is answered are compared."""

_CHANCE = 3.0
"""Standard deviations of their difference that are left to chance."""

_SOON = 0.02
"""Seconds in which whoever is not refused is let in, if ever."""

_LATE = 2.0
"""Pictures' time after which, in a flood, a turn comes too late: estimates are rough."""

_MEMORY = 0.05
"""How much the newest picture counts in the mean time that one takes."""

_FIRST_GUESS = 0.01
"""Seconds a picture takes, until some were measured."""

Reason = Literal["queue full", "bytes full", "too slow"]


class Full(Exception):  # noqa: N818 - not an error of anybody's: an answer
    """There is no room now."""

    def __init__(self, reason: Reason, retry_after: float) -> None:
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(f"{reason}; again in {retry_after:.3f} s")


@dataclass(slots=True, kw_only=True, eq=False)
class Ticket:
    """A request that was let in."""

    pictures: int
    since: float
    deadline: float
    """When its answer is of no use any more, by the same clock as `since`."""

    measures: bool = True
    """Whether the time that it takes says something of others."""

    begun: bool = False
    done: bool = False


class _Balance:
    """What was asked and what was answered in the last half second or so; what is longer ago counts
    less."""

    def __init__(self, now: float) -> None:
        self._asked = self._answered = 0.0
        self._since = now

    def add(self, now: float, *, asked: int = 0, answered: int = 0) -> None:
        """Some more of both."""
        self._fade(now)
        self._asked += asked
        self._answered += answered

    def is_outrun(self, now: float) -> bool:
        """Whether more comes than goes, which may be chance where it is little."""
        self._fade(now)
        return self._asked > self._answered + _CHANCE * math.sqrt(1 + self._answered)

    def _fade(self, now: float) -> None:
        left = math.exp((self._since - now) / _SPAN)
        self._asked *= left
        self._answered *= left
        self._since = now


class Admission:
    """Counts what is inside."""

    def __init__(
        self,
        *,
        lanes: int,
        pictures: int,
        size: int,
        patience: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.lanes = lanes
        self.most_pictures = pictures
        self.most_bytes = size
        self.patience = patience
        self.clock = clock
        self.waiting = 0
        """Pictures let in that nobody works on yet."""

        self.working = 0
        """Pictures that are being worked on."""

        self.held = 0
        """Bytes of all requests inside, also of those that are still arriving."""

        self.seconds = _FIRST_GUESS
        """What a picture takes of a lane, on average."""

        self._lock = threading.Lock()
        self._queue = 0
        """Requests that wait, of however many pictures."""

        self._standing: float | None = None
        """Since when more of them than lanes have been waiting; None: they are not."""

        self._flood_ends = -math.inf
        """Until when it counts as a flood, unless more is asked meanwhile."""

        self._expected = 0
        """Requests that were not refused a moment ago, and are not let in yet."""

        self._expected_at = -math.inf

        self._balance: _Balance | None = None
        """Since the first burst of a queue was in, or while there is a flood. Before, it would say
        nothing of what follows."""

    @property
    def rate(self) -> float:
        """Pictures a second, as measured."""
        return self.lanes / self.seconds

    @property
    def flooded(self) -> bool:
        """Whether more arrives than can be done."""
        return self.clock() < self._flood_ends

    @property
    def newest_first(self) -> bool:
        """Whether it is in doubt that all who wait can be answered in time."""
        now = self.clock()
        return self._standing is not None and now >= self._flood_ends and self._is_outrun(now)

    def wait(self, pictures: int = 1) -> float:
        """Seconds that this many pictures would wait for their turn, if let in now."""
        ahead = max(0, self.waiting + self.working + pictures - self.lanes)
        return ahead * self.seconds / self.lanes

    def hold(self, size: int) -> None:
        """Bytes of a request that has yet to arrive; `Full` where there is no room."""
        with self._lock:
            # The first is let in whatever its size: how large one may be is not decided here.
            if self.held + size > self.most_bytes and self.held:
                raise Full("bytes full", self.wait())
            self.held += size

    def let_go(self, size: int) -> None:
        """They are gone."""
        with self._lock:
            self.held -= size
            assert self.held >= 0, self.held

    def admit(self, pictures: int, seconds: float) -> Ticket:
        """Let a request in whose answer is wanted within `seconds`; `Full` where it has to go."""
        with self._lock:
            now = self.clock()
            self._expected = max(0, self._expected - 1)
            self._count(now, asked=pictures)
            if self.waiting and self.waiting + pictures > self.most_pictures:
                over = self.waiting + pictures - self.most_pictures
                raise Full("queue full", over * self.seconds / self.lanes)
            wait, longest = self.wait(pictures), self._longest(now, seconds)
            # Whoever finds nobody waiting is let in, however slow things seem: else nothing would
            # ever be measured again.
            if self.waiting and wait > longest:
                self._judge(now)
                raise Full("too slow", wait - longest)
            self.waiting += pictures
            self._queue += 1
            if self._queue > self.lanes and self._standing is None:
                self._standing = now
            return Ticket(pictures=pictures, since=now, deadline=now + seconds)

    def refusal(self) -> Full | None:
        """Why one more picture would be sent away in a flood; None where it would not."""
        if not self.flooded:
            return None
        with self._lock:
            now = self.clock()
            if now - self._expected_at > _SOON:
                # Not all who are expected come: some send what is no picture.
                self._expected = 0
            # Many are asked about before the first of them is let in.
            wait = self.wait(1 + self._expected)
            longest = self._longest(now, math.inf)
            if not self.waiting + self._expected or wait <= longest:
                self._expected += 1
                self._expected_at = now
                return None
            self._count(now, asked=1)
            self._judge(now)
        return Full("too slow", wait - longest)

    def absent(self) -> None:
        """One that was not refused has nothing to be let in for."""
        with self._lock:
            self._expected = max(0, self._expected - 1)

    def begin(self, ticket: Ticket) -> None:
        """It is somebody's turn: `Full` where that comes too late."""
        assert not ticket.begun
        with self._lock:
            now = self.clock()
            self._enter(ticket)
            waited = now - ticket.since
            late = now < self._flood_ends and waited > _LATE * self.seconds
            if late or now > ticket.deadline:
                self._leave(ticket)
                raise Full("too slow", self.wait() + self.seconds)

    def end(self, ticket: Ticket, seconds: float | None = None) -> None:
        """It is answered, after `seconds` of a lane; or given up, where there are none."""
        with self._lock:
            if ticket.done:
                return
            if not ticket.begun:
                self._enter(ticket)
            self._leave(ticket)
            if seconds is None:
                return
            self._count(self.clock(), answered=ticket.pictures)
            if ticket.measures:
                share = 1 - (1 - _MEMORY) ** ticket.pictures
                self.seconds += share * (seconds / ticket.pictures - self.seconds)

    def _count(self, now: float, *, asked: int = 0, answered: int = 0) -> None:
        stands = self._standing is not None and now - self._standing > _BURST
        if not stands and now >= self._flood_ends:
            self._balance = None
            return
        if self._balance is None:
            self._balance = _Balance(now)
        self._balance.add(now, asked=asked, answered=answered)

    def _is_outrun(self, now: float) -> bool:
        return self._balance is not None and self._balance.is_outrun(now)

    def _judge(self, now: float) -> None:
        """Somebody has to go: is it a flood?"""
        if self._is_outrun(now):
            self._flood_ends = now + _CALM

    def _longest(self, now: float, seconds: float) -> float:
        """Seconds that one may wait for an answer within `seconds`."""
        if now < self._flood_ends:
            return self.patience * self.seconds
        least, pictures = _CALM_WAIT
        return min(seconds - self.seconds, max(least, pictures * self.seconds))

    def _leave(self, ticket: Ticket) -> None:
        ticket.done = True
        self.working -= ticket.pictures
        assert self.working >= 0, self.working

    def _enter(self, ticket: Ticket) -> None:
        ticket.begun = True
        self.waiting -= ticket.pictures
        self.working += ticket.pictures
        self._queue -= 1
        if self._queue <= self.lanes:
            self._standing = None
