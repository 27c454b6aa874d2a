"""The lanes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from bakeoff.serving.admission import Admission, Full
from bakeoff.serving.pool import Elsewhere, Pool


@pytest.fixture
def admission() -> Admission:
    """Two lanes."""
    return Admission(lanes=2, pictures=10, size=1000, patience=1.5)


@pytest.fixture
def pool(admission: Admission) -> Iterator[Pool]:
    """Their threads."""
    pool = Pool(admission)
    yield pool
    pool.close()


def test_an_answer_comes_back(admission: Admission, pool: Pool) -> None:
    """What a lane computes is what the one who waits is given, and nobody is counted any more."""

    async def ask() -> int:
        return await pool.run(admission.admit(1, 10), lambda: 7)

    assert asyncio.run(ask()) == 7
    assert (admission.waiting, admission.working) == (0, 0)


def test_an_error_comes_back(admission: Admission, pool: Pool) -> None:
    """What goes wrong in a lane goes wrong for the one who waits, and the lane goes on."""

    def broken() -> int:
        raise ZeroDivisionError

    async def ask() -> int:
        for _ in range(4):
            with pytest.raises(ZeroDivisionError):
                await pool.run(admission.admit(1, 10), broken)
        return await pool.run(admission.admit(1, 10), lambda: 7)

    assert asyncio.run(ask()) == 7


def test_as_many_at_once_as_there_are_lanes(admission: Admission, pool: Pool) -> None:
    """Two lanes work on two requests at the same time, and never on three."""
    both, least, now = threading.Barrier(2, timeout=20), [0], [0]
    lock = threading.Lock()

    def work() -> None:
        with lock:
            now[0] += 1
            least[0] = max(least[0], now[0])
        both.wait()
        with lock:
            now[0] -= 1

    async def ask() -> None:
        await asyncio.gather(*(pool.run(admission.admit(1, 60), work) for _ in range(6)))

    asyncio.run(ask())
    assert least == [2]


def test_whoever_hangs_up_gives_the_turn_away(admission: Admission, pool: Pool) -> None:
    """Nothing is computed for a client that is gone."""
    go, done = threading.Event(), []

    async def ask() -> None:
        busy = [
            asyncio.create_task(pool.run(admission.admit(1, 60), lambda: go.wait(20)))
            for _ in range(2)
        ]
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(pool.run(admission.admit(1, 60), lambda: done.append(1)))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*busy)
        await pool.run(admission.admit(1, 60), lambda: None)

    asyncio.run(ask())
    assert done == []
    assert (admission.waiting, admission.working) == (0, 0)


def test_a_turn_that_comes_too_late(admission: Admission, pool: Pool) -> None:
    """What was to be answered before its turn came is told so."""

    async def ask() -> None:
        ticket = admission.admit(1, 10)
        ticket.deadline = 0
        await pool.run(ticket, lambda: 7)

    with pytest.raises(Full):
        asyncio.run(ask())


def test_what_is_there_is_worked_on_before_the_end(admission: Admission) -> None:
    """Lanes that are closed answer first what was let in."""
    pool, done = Pool(admission), []

    async def ask() -> None:
        waiting = [
            asyncio.create_task(pool.run(admission.admit(1, 10), lambda: done.append(1)))
            for _ in range(5)
        ]
        await asyncio.sleep(0)
        await asyncio.to_thread(pool.close)
        await asyncio.gather(*waiting)

    asyncio.run(ask())
    assert len(done) == 5


def test_what_is_quick_is_done_at_once(admission: Admission, pool: Pool) -> None:
    """What takes no time is done by the event loop, which hands over what it finds to take
    longer."""

    def here() -> str:
        return threading.current_thread().name

    def too_long() -> str:
        raise Elsewhere

    async def ask() -> tuple[str, str]:
        quick = await pool.run(admission.admit(1, 10), here, at_once=here)
        return quick, await pool.run(admission.admit(1, 10), here, at_once=too_long)

    quick, slow = asyncio.run(ask())
    assert quick == threading.main_thread().name
    assert slow.startswith("lane-")
    assert (admission.waiting, admission.working) == (0, 0)


def test_what_is_quick_goes_wrong(admission: Admission, pool: Pool) -> None:
    """What goes wrong in the event loop, or comes too late, or has hung up, ends as in a lane."""

    def broken() -> int:
        raise ZeroDivisionError

    async def ask() -> int:
        with pytest.raises(ZeroDivisionError):
            await pool.run(admission.admit(1, 10), broken, at_once=broken)
        late = admission.admit(1, 10)
        late.deadline = 0
        with pytest.raises(Full):
            await pool.run(late, broken, at_once=broken)
        gone = asyncio.create_task(pool.run(admission.admit(1, 10), broken, at_once=broken))
        last = asyncio.create_task(pool.run(admission.admit(1, 10), broken, at_once=lambda: 7))
        await asyncio.sleep(0)
        gone.cancel()
        return await last

    assert asyncio.run(ask()) == 7
    assert (admission.waiting, admission.working) == (0, 0)


def test_what_has_come_in_is_looked_at_first(admission: Admission, pool: Pool) -> None:
    """Between two requests, the event loop looks at what has come in until there is nothing new."""
    order: list[str] = []

    async def ask() -> None:
        loop = asyncio.get_running_loop()

        def knocked(left: int) -> None:
            order.append("knock")
            if left:
                pool.heard()
                loop.call_soon(knocked, left - 1)

        def work() -> None:
            order.append("work")

        pool.heard()
        loop.call_soon(knocked, 5)
        await pool.run(admission.admit(1, 10), work, at_once=work)

    asyncio.run(ask())
    assert order == ["knock"] * 6 + ["work"]


@pytest.mark.parametrize("quick", [True, False])
def test_the_newest_first(quick: bool, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a queue grows, whoever came last goes first."""
    monkeypatch.setattr(Admission, "newest_first", True)
    order: list[int] = []
    first, second = threading.Event(), threading.Event()

    async def ask() -> None:
        admission = pool.admission
        busy = [
            asyncio.create_task(pool.run(admission.admit(1, 60), partial(go.wait, 20)))
            for go in (first, second)
        ]
        while admission.working < 2:
            await asyncio.sleep(0.001)
        waiting = []
        for number in range(4):
            work = partial(order.append, number)
            at_once = work if quick else None
            waiting.append(pool.run(admission.admit(1, 60), work, at_once=at_once))
        tasks = [asyncio.create_task(one) for one in waiting]
        await asyncio.sleep(0)
        # One lane alone: of two, either may be the first to write down what it did.
        first.set()
        await asyncio.gather(*tasks)
        second.set()
        await asyncio.gather(*busy)

    asyncio.run(ask())
    assert order == [3, 2, 1, 0]
