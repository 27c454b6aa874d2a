"""Who is let in."""

from __future__ import annotations

from contextlib import suppress

import pytest

from bakeoff.serving.admission import Admission, Full, Ticket


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _admission(
    clock: Clock, *, lanes: int = 2, pictures: int = 100, patience: float = 1.5
) -> Admission:
    return Admission(lanes=lanes, pictures=pictures, size=1000, patience=patience, clock=clock)


def _measured(admission: Admission, clock: Clock, seconds: float) -> None:
    """Teach it what a picture takes."""
    for _ in range(300):
        ticket = admission.admit(1, 10)
        admission.begin(ticket)
        admission.end(ticket, seconds)
    assert admission.seconds == pytest.approx(seconds, rel=1e-3)
    # Long ago.
    clock.now += 10


def _flooded(admission: Admission, clock: Clock) -> list[Ticket]:
    """More and more is asked until the newest would wait too long."""
    tickets = []
    with pytest.raises(Full, match="too slow"):
        while True:
            tickets.append(admission.admit(1, 10))
            clock.now += 0.001
    assert admission.flooded
    return tickets


def test_rate() -> None:
    """The rate follows from what a picture takes and how many are computed at once."""
    clock = Clock()
    admission = _admission(clock, lanes=2)
    _measured(admission, clock, 0.02)
    assert admission.rate == pytest.approx(100, rel=1e-3)


def test_a_burst_waits() -> None:
    """A burst is let in, as far as all of it is answered soon; the rest of it is no flood."""
    clock = Clock()
    admission = _admission(clock, lanes=2)
    _measured(admission, clock, 0.02)
    for _ in range(50):
        admission.admit(1, 10.0)
    assert admission.waiting == 50
    assert admission.wait() == pytest.approx(49 * 0.01, rel=0.01)
    with pytest.raises(Full, match="too slow"):
        for _ in range(50):
            admission.admit(1, 10.0)
    assert not admission.flooded


def test_what_would_come_too_late_is_told_when_to_ask_again() -> None:
    """A request that would wait beyond its deadline is sent away with the time after which it
    would not."""
    clock = Clock()
    admission = _admission(clock, lanes=1)
    _measured(admission, clock, 0.1)
    for _ in range(10):
        admission.admit(1, 10.0)
    with pytest.raises(Full) as caught:
        admission.admit(1, 0.5)
    assert caught.value.reason == "too slow"
    assert caught.value.retry_after == pytest.approx(1.0 - 0.4, rel=0.01)


def test_an_idle_service_lets_everybody_in() -> None:
    """Whoever finds nobody waiting is let in, though a picture takes longer than they have."""
    clock = Clock()
    admission = _admission(clock, lanes=1)
    _measured(admission, clock, 5.0)
    assert admission.admit(1, 0.1).deadline == pytest.approx(clock.now + 0.1)


def test_the_queue_is_bounded_by_count() -> None:
    """No more pictures wait than are allowed to."""
    clock = Clock()
    admission = _admission(clock, pictures=3)
    _measured(admission, clock, 0.001)
    for _ in range(3):
        admission.admit(1, 10)
    with pytest.raises(Full, match="queue full"):
        admission.admit(1, 10)


def test_one_request_may_be_larger_than_the_queue() -> None:
    """A request with many pictures is let in where nobody waits: else it never would be."""
    admission = _admission(Clock(), pictures=3)
    assert admission.admit(5, 10).pictures == 5


def test_bytes_are_bounded() -> None:
    """Requests that are still arriving count with the bytes that they announced, until they are
    gone."""
    admission = _admission(Clock())
    admission.hold(800)
    with pytest.raises(Full, match="bytes full"):
        admission.hold(300)
    admission.let_go(800)
    admission.hold(300)
    assert admission.held == 300


def test_in_a_flood_only_those_who_hardly_wait_are_let_in() -> None:
    """Where a queue does not end, it is kept short."""
    clock = Clock()
    admission = _admission(clock, lanes=2, patience=3.2)
    _measured(admission, clock, 0.02)
    tickets = _flooded(admission, clock)
    for ticket in tickets:
        admission.end(ticket)
    let_in = 0
    with pytest.raises(Full, match="too slow"):
        for _ in range(50):
            admission.admit(1, 10)
            let_in += 1
    # 3.2 times 20 ms in two lanes is six pictures ahead, beside the two that do not wait.
    assert let_in == 8


def test_one_more_for_each_lane_is_no_flood() -> None:
    """As many as there are lanes may wait all the time: each is answered in twice the time."""
    clock = Clock()
    admission = _admission(clock, lanes=2)
    _measured(admission, clock, 0.02)
    tickets = [admission.admit(1, 10) for _ in range(4)]
    for ticket in tickets[:2]:
        admission.begin(ticket)
    clock.now += 5
    admission.admit(1, 10)
    assert not admission.flooded


def test_those_who_ask_again_when_they_are_answered_are_no_flood() -> None:
    """However many clients ask again and again, each once it was answered: all of them wait."""
    clock = Clock()
    admission = _admission(clock, lanes=1)
    waiting = [admission.admit(1, 10) for _ in range(32)]
    for _ in range(500):
        clock.now += 0.01
        ticket = waiting.pop(0)
        admission.begin(ticket)
        admission.end(ticket, 0.01)
        waiting.append(admission.admit(1, 10))
        assert not admission.flooded
    assert not admission.newest_first


def test_while_a_queue_grows_the_newest_go_first() -> None:
    """Where more comes than goes, those who have just come are answered first, until it is a flood
    or the queue has ended."""
    clock = Clock()
    admission = _admission(clock, lanes=1)
    _measured(admission, clock, 0.02)
    tickets = []
    for _ in range(40):
        tickets.append(admission.admit(1, 10))
        clock.now += 0.002
    assert admission.newest_first
    for ticket in tickets[1:]:
        admission.end(ticket)
    assert not admission.newest_first
    _flooded(admission, clock)
    assert not admission.newest_first


def test_queues_that_come_and_go_are_no_flood() -> None:
    """Where a few clients ask again and again, there is now and then a queue; none of them makes
    anybody wait longer than those who came later."""
    clock = Clock()
    admission = _admission(clock, lanes=1)
    for _ in range(300):
        waiting = [admission.admit(1, 10) for _ in range(4)]
        for ticket in waiting:
            clock.now += 0.004
            assert not admission.newest_first
            admission.begin(ticket)
            admission.end(ticket, 0.004)
        clock.now += 0.002


def test_half_as_much_again_is_a_flood() -> None:
    """Where a little more is asked than can be answered, too, the queue is kept short in the
    end."""
    clock = Clock()
    admission = _admission(clock, lanes=1, pictures=10_000)
    _measured(admission, clock, 0.01)
    waiting: list[Ticket] = []
    for number in range(3_000):
        clock.now += 0.01
        with suppress(Full):
            waiting.append(admission.admit(1, 10))
            if number % 2:
                waiting.append(admission.admit(1, 10))
        if admission.flooded:
            return
        ticket = waiting.pop(0)
        admission.begin(ticket)
        admission.end(ticket, 0.01)
    pytest.fail("it was never noticed")


def test_in_a_flood_those_who_waited_long_are_sent_away() -> None:
    """What was let in before the flood was noticed does not hold up what comes after it."""
    clock = Clock()
    admission = _admission(clock, lanes=1)
    _measured(admission, clock, 0.02)
    tickets = _flooded(admission, clock)
    with pytest.raises(Full, match="too slow"):
        admission.begin(tickets[0])
    assert (admission.waiting, admission.working) == (len(tickets) - 1, 0)


def test_refusals_are_known_before_anything_is_read() -> None:
    """Whether one more would be sent away is known beforehand, and only in a flood."""
    clock = Clock()
    admission = _admission(clock, lanes=1)
    _measured(admission, clock, 0.02)
    admission.admit(1, 10)
    assert admission.refusal() is None
    waiting = len(_flooded(admission, clock)) + 1
    full = admission.refusal()
    assert full is not None
    assert full.retry_after == pytest.approx(waiting * 0.02 - 0.03, rel=0.01)


def test_who_does_not_come_keeps_nobody_out() -> None:
    """Who was not refused in a flood, and then sends what is no picture, is not waited for."""
    clock = Clock()
    admission = _admission(clock, lanes=1, patience=0.5)
    _measured(admission, clock, 0.02)
    for ticket in _flooded(admission, clock):
        admission.end(ticket)
    assert admission.flooded
    assert admission.refusal() is None
    assert admission.refusal() is not None
    clock.now += 0.05
    assert admission.refusal() is None


def test_who_is_known_not_to_come_is_not_waited_for() -> None:
    """Who was not refused and turns out to send no picture keeps nobody out after that."""
    clock = Clock()
    admission = _admission(clock, lanes=1, patience=0.5)
    _measured(admission, clock, 0.02)
    for ticket in _flooded(admission, clock):
        admission.end(ticket)
    assert admission.refusal() is None
    assert admission.refusal() is not None
    admission.absent()
    assert admission.refusal() is None


def test_a_flood_ends() -> None:
    """A second after nobody was sent away any more, bursts may wait again."""
    clock = Clock()
    admission = _admission(clock, lanes=1)
    _measured(admission, clock, 0.02)
    tickets = _flooded(admission, clock)
    for ticket in tickets:
        admission.end(ticket)
    assert admission.flooded
    clock.now += 1.1
    assert not admission.flooded


def test_a_turn_that_comes_too_late() -> None:
    """Nothing is computed for somebody whose deadline has passed."""
    clock = Clock()
    admission = _admission(clock)
    ticket = admission.admit(1, 1.0)
    clock.now += 1.5
    with pytest.raises(Full):
        admission.begin(ticket)
    assert (admission.waiting, admission.working) == (0, 0)


def test_what_is_given_up_is_not_measured() -> None:
    """A request that ended without an answer says nothing about how long one takes."""
    clock = Clock()
    admission = _admission(clock)
    before = admission.seconds
    ticket = admission.admit(1, 1.0)
    admission.end(ticket)
    admission.end(ticket)
    assert admission.seconds == before
    assert (admission.waiting, admission.working) == (0, 0)
