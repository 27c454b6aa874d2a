"""One thread that works ahead of whoever consumes."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

__all__ = ["prefetched"]

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    """The last thing in the queue, with what went wrong if something did."""

    error: BaseException | None = None


class _Worker(Thread, Generic[T]):
    """Puts items in a bounded queue until there are no more or it is told to stop."""

    def __init__(self, items: Iterable[T], depth: int) -> None:
        # A daemon, so that a consumer that hangs never keeps the process from ending.
        super().__init__(name="prefetch", daemon=True)
        self.items = items
        self.queue: Queue[T | _End] = Queue(maxsize=depth)
        self.stopping = Event()

    def run(self) -> None:
        try:
            for item in self.items:
                self.queue.put(item)
                if self.stopping.is_set():
                    return
        except BaseException as error:  # the consumer raises it: nothing is swallowed
            self.queue.put(_End(error))
        else:
            self.queue.put(_End())

    def stop(self) -> None:
        """End the thread, wherever it is, and wait until it has ended."""
        self.stopping.set()
        while self.is_alive():
            try:
                self.queue.get_nowait()
            except Empty:
                self.join(timeout=0.05)


def prefetched(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """The same items, made in a thread at most `depth` ahead.

    An error in the making is raised here, in its turn. Closing the generator, which leaving a
    `for` loop early does, stops the thread.
    """
    worker = _Worker(items, depth)
    worker.start()
    try:
        while not isinstance(item := worker.queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        worker.stop()
