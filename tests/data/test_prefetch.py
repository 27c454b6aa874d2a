"""A thread that works ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bakeoff.data.prefetch import prefetched


def running() -> int:
    """Threads of ours that are alive."""
    return sum(thread.name == "prefetch" for thread in threading.enumerate())


def wait_until_still(made: list[int]) -> None:
    """Return once the worker has stopped making more."""
    before = -1
    while before != len(made):
        before = len(made)
        time.sleep(0.05)


def counting(made: list[int], upto: int = 1000) -> Iterator[int]:
    """Numbers, each noted when it is made."""
    for number in range(upto):
        made.append(number)
        yield number


def test_items_come_in_order_and_the_thread_ends() -> None:
    """All items arrive, in order, and no thread is left."""
    assert list(prefetched(range(50), 3)) == list(range(50))
    assert running() == 0


def test_work_is_done_ahead_but_not_far() -> None:
    """At most the depth, one in the worker's hand and one in the consumer's are made."""
    made: list[int] = []
    items = prefetched(counting(made), 2)
    assert next(items) == 0
    wait_until_still(made)
    assert len(made) == 4
    items.close()


def test_leaving_early_stops_the_thread() -> None:
    """A consumer that breaks off leaves no thread behind."""
    made: list[int] = []
    for number in prefetched(counting(made), 2):
        if number == 5:
            break
    assert running() == 0
    assert len(made) < 12


def test_error_arrives_in_its_turn() -> None:
    """What goes wrong in the thread is raised by the consumer, after the items before it."""

    def breaking() -> Iterator[int]:
        yield 1
        raise OSError("disk gone")

    items = prefetched(breaking(), 2)
    assert next(items) == 1
    with pytest.raises(OSError, match="disk gone"):
        next(items)
    assert running() == 0


def test_error_of_the_consumer_stops_the_thread() -> None:
    """A consumer that fails leaves no thread behind either."""
    made: list[int] = []

    def consume() -> None:
        for number in prefetched(counting(made), 2):
            if number == 3:
                raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        consume()
    # The traceback held the generator until now.
    assert running() == 0
