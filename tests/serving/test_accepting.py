"""Which worker lets a client in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bakeoff.serving.accepting import Accepting, Counts


class Noted(asyncio.Protocol):
    """A connection that is noted."""

    def __init__(self, here: list[asyncio.BaseTransport], counts: Counts | None) -> None:
        self._here, self._counts = here, counts

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._here.append(transport)
        if self._counts is not None:
            self._counts.tell(len(self._here))


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that clients connect to."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        one.setblocking(False)
        yield one


def _let_in(listening: socket.socket, counts: list[Counts | None], clients: int) -> list[int]:
    """How many each of some workers lets in."""
    everybody: list[list[asyncio.BaseTransport]] = [[] for _ in counts]

    def made(here: list[asyncio.BaseTransport], one: Counts | None) -> Callable[[], Noted]:
        return lambda: Noted(here, one)

    async def let_in() -> None:
        doors = [
            # A loop knows a socket by its number.
            Accepting(listening.dup(), made(here, one), one, lambda: None)
            for here, one in zip(everybody, counts, strict=True)
        ]
        for accepting in doors:
            accepting.open()
        address = listening.getsockname()
        knocking = [await asyncio.open_connection(*address) for _ in range(clients)]
        async with asyncio.timeout(20):
            while sum(map(len, everybody)) < clients:
                await asyncio.sleep(0.001)
        for accepting in doors:
            await accepting.close()
            accepting.listening.close()
        for _, writer in knocking:
            writer.close()
        for transport in (one for here in everybody for one in here):
            transport.close()

    asyncio.run(let_in())
    return [len(here) for here in everybody]


def _counts(path: Path, workers: int) -> list[Counts]:
    path.parent.mkdir(exist_ok=True)
    Counts.made(path, workers)
    found = [Counts(path, workers, place) for place in range(workers)]
    for one in found:
        one.tell(0)
    return found


def test_each_has_its_share(tmp_path: Path, listening: socket.socket) -> None:
    """Clients are spread evenly, though one worker is always the first to be woken."""
    first, second = _counts(tmp_path / "counts", 2)
    assert _let_in(listening, [first, second], 8) == [4, 4]


def test_alone(listening: socket.socket) -> None:
    """One worker lets everybody in."""
    assert _let_in(listening, [None], 3) == [3]


def test_nobody_waits_for_one_that_does_not_come(tmp_path: Path, listening: socket.socket) -> None:
    """What another could take and does not is let in all the same, a moment later."""
    first, _ = _counts(tmp_path / "counts", 2)
    first.tell(5)
    assert _let_in(listening, [first], 3) == [3]


def test_who_comes_at_once_is_counted_at_once(tmp_path: Path) -> None:
    """Clients that were let in and whose connections are still being made count as there."""
    first, second = _counts(tmp_path / "counts", 2)
    first.expect()
    assert first.has_more()
    assert not second.has_more()
    first.arrive()
    first.tell(1)
    assert first.has_more()
    first.expect()
    first.arrive(lost=True)
    second.tell(1)
    assert not first.has_more()


def test_of_many_one_more_is_none(tmp_path: Path) -> None:
    """Who has many leaves nobody to a worker that has about as many."""
    first, second = _counts(tmp_path / "counts", 2)
    second.tell(40)
    first.tell(45)
    assert not first.has_more()
    first.tell(46)
    assert first.has_more()


def test_nothing_is_left_to_those_who_are_gone(tmp_path: Path) -> None:
    """A worker that has died counts as having more than anybody."""
    first, second = _counts(tmp_path / "counts", 2)
    first.tell(1)
    assert first.has_more()
    assert not second.has_more()
    Counts(tmp_path / "counts", 2).away(1)
    assert not first.has_more()


def test_who_knocked_before_the_end_is_let_in(listening: socket.socket) -> None:
    """Nobody who is in the socket's queue is thrown out with it."""
    here: list[asyncio.BaseTransport] = []

    async def end() -> None:
        accepting = Accepting(listening, lambda: Noted(here, None), None, lambda: None)
        accepting.open()
        address = listening.getsockname()
        # Without giving the loop a moment to let them in.
        knocking = [socket.create_connection(address) for _ in range(5)]
        await accepting.close()
        for one in knocking:
            one.close()
        for transport in here:
            transport.close()

    asyncio.run(end())
    assert len(here) == 5


def test_few_are_let_in_one_by_one(tmp_path: Path) -> None:
    """Who has few lets in one before it looks at the others again, whose clients may all have gone
    at the same moment; who has many, many."""
    first, _ = _counts(tmp_path / "counts", 2)
    assert first.at_once() == 1
    first.expect()
    assert first.at_once() == 1
    first.tell(79)
    assert first.at_once() == 11
    first.tell(1000)
    assert first.at_once() == 16
