"""Who is let in: never more than can be answered in time.

The queue is bounded by count, by bytes, and by how long the newcomer would wait, which follows from
what is waiting and from the rate that is measured. A burst may wait up to its deadline, and so may
clients that each ask again when they are answered, however many there are. But where more requests
than lanes have been waiting without a break for a tenth of a second, and clearly more is asked than
is answered, it is a flood, and a longer queue would answer nobody sooner: then whoever has waited
long is sent away, and only those are let in who hardly wait. So under a flood the answers that are
given come about as fast as ever, and the others are told at once, with the time after which it is
worth asking again.

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

_STANDING = 0.1
"""Seconds for which there is always a queue before that counts as more than a burst; no less than
five times what a picture takes."""

_BURST = 0.03
"""Seconds in which what comes at once has come."""

_CALM = 1.0
"""Seconds after which a flood is over, where no more is asked than is answered."""

_SPAN = 0.5
"""Seconds over which what is asked and what is answered are compared."""

_CLEARLY = 2.0
"""Times what is answered that has to be asked, to be a flood."""

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


class _Lately:
    """How much there was in the last half second or so; what is longer ago counts less."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sum = 0.0
        self._since = clock()
        self.total = 0

    def much(self) -> float:
        now = self._clock()
        self._sum *= math.exp((self._since - now) / _SPAN)
        self._since = now
        return self._sum

    def add(self, count: int) -> None:
        self._sum = self.much() + count
        self.total += count


@dataclass(frozen=True, slots=True)
class _Mark:
    """Counts at a moment."""

    asked: int
    answered: int

    def is_outrun(self, asked: _Lately, answered: _Lately) -> bool:
        """Whether clearly more was asked than answered since then."""
        return asked.total - self.asked > _CLEARLY * (answered.total - self.answered)


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

        self._queue_since: float | None = None
        """Since when more of them than lanes have been waiting without a break."""

        self._flood_seen = -math.inf
        """When there last was a flood."""

        self._expected = 0
        """Requests that were not refused, and are not let in yet."""

        self._mark: _Mark | None = None
        """What had been asked and answered when the first burst of it was in."""

        self._asked = _Lately(clock)
        self._answered = _Lately(clock)

    @property
    def rate(self) -> float:
        """Pictures a second, as measured."""
        return self.lanes / self.seconds

    @property
    def flooded(self) -> bool:
        """Whether more arrives than can be done."""
        now, since = self.clock(), self._queue_since
        if now - self._flood_seen < _CALM:
            return True
        if since is None or now - since <= max(_STANDING, 5 * self.seconds):
            return False
        if self._mark is None or not self._mark.is_outrun(self._asked, self._answered):
            return False
        self._flood_seen = now
        return True

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
            self._asked.add(pictures)
            self._note()
            self._expected = max(0, self._expected - 1)
            if self.waiting and self.waiting + pictures > self.most_pictures:
                over = self.waiting + pictures - self.most_pictures
                raise Full("queue full", over * self.seconds / self.lanes)
            now, wait, flooded = self.clock(), self.wait(pictures), self.flooded
            longest = self._short() if flooded else seconds - self.seconds
            # Whoever finds nobody waiting is let in, however slow things seem: else nothing would
            # ever be measured again.
            if self.waiting and wait > longest:
                if flooded and self._is_more_asked():
                    self._flood_seen = now
                raise Full("too slow", wait - longest)
            self.waiting += pictures
            self._queue += 1
            if self._queue > self.lanes and self._queue_since is None:
                self._queue_since = now
            return Ticket(pictures=pictures, since=now, deadline=now + seconds)

    def refusal(self) -> Full | None:
        """Why one more picture would be sent away in a flood; None where it would not."""
        if not self.flooded:
            self._expected = 0
            return None
        with self._lock:
            # Many are asked about before the first of them is let in.
            wait, longest = self.wait(1 + self._expected), self._short()
            if not self.waiting + self._expected or wait <= longest:
                self._expected += 1
                return None
            self._asked.add(1)
            if self._is_more_asked():
                self._flood_seen = self.clock()
        return Full("too slow", wait - longest)

    def begin(self, ticket: Ticket) -> None:
        """It is somebody's turn: `Full` where that comes too late."""
        assert not ticket.begun
        with self._lock:
            now, flooded = self.clock(), self.flooded
            self._enter(ticket)
            waited = now - ticket.since
            # More than was estimated when it was let in: estimates are rough.
            late = flooded and waited > 2 * self._short()
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
            self._answered.add(ticket.pictures)
            if ticket.measures:
                share = 1 - (1 - _MEMORY) ** ticket.pictures
                self.seconds += share * (seconds / ticket.pictures - self.seconds)

    def _note(self) -> None:
        since = self._queue_since
        if self._mark is None and since is not None and self.clock() - since > _BURST:
            self._mark = _Mark(self._asked.total, self._answered.total)

    def _is_more_asked(self) -> bool:
        return self._asked.much() > _CLEARLY * self._answered.much()

    def _short(self) -> float:
        """Seconds that one may wait in a flood."""
        return self.patience * self.seconds

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
            self._queue_since = self._mark = None
