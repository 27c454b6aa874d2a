"""Listens to a run and tells a tracker, from a thread of its own: a tracker may be slow or fail,
and training does not notice."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue

from bakeoff.runs.run import Run
from bakeoff.runs.tracking.facts import outcome
from bakeoff.runs.tracking.tracker import Ending, Point, Tracker
from bakeoff.training.events import Evaluated, Event, Stepped

__all__ = ["Follower", "following"]

_PATIENCE = 15.0
"""Seconds that the end of a run waits for its tracker."""

Warn = Callable[[str], None]


@contextmanager
def following(
    tracker: Tracker | None, run: Run, warn: Warn, *, patience: float = _PATIENCE
) -> Iterator[Callable[[Event], None]]:
    """A listener for the run that is executed in this block; the block's end is told too."""
    if tracker is None or run.is_sealed:
        yield lambda event: None
        return
    follower = Follower(tracker, run, warn)
    ending: Ending = "failed"
    try:
        yield follower
        ending = "finished" if run.is_sealed else "stopped"
    finally:
        follower.end(ending, patience)


class Follower:
    """One life of a run."""

    def __init__(self, tracker: Tracker, run: Run, warn: Warn) -> None:
        self._tracker, self._run, self._warn = tracker, run, warn
        self._queue: SimpleQueue[Point | Ending] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failed = False
        self._step = 0
        # Steps done in each stage. After a crash the last word counts.
        events = run.events()
        self._done = {e["stage"]: e["step"] for e in events if e["event"] == "steps"}

    def __call__(self, event: Event) -> None:
        """An event of the run."""
        if isinstance(event, Stepped):
            self._done[event.stage] = event.step
            before = (steps for stage, steps in self._done.items() if stage < event.stage)
            self._step = sum(before) + event.step
            self._put(_training(event))
        elif isinstance(event, Evaluated):
            self._put({"validation/loss": event.loss, "validation/accuracy": event.accuracy})

    def end(self, ending: Ending, patience: float) -> None:
        """The run ends here, or this life of it."""
        if ending == "finished":
            self._put(outcome(self._run))
        if self._thread is None:
            return
        self._queue.put(ending)
        self._thread.join(patience)
        if self._thread.is_alive():
            self._warn(f"{self._tracker.name} did not take all in {patience:g} s; left it at that.")

    def _put(self, values: Mapping[str, float]) -> None:
        if self._failed:
            return
        self._queue.put(Point(step=self._step, time=time.time(), values=values))
        if self._thread is None:
            # It must not keep the process from ending.
            self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        try:
            self._told()
        except Exception as error:
            self._failed = True
            said = (str(error) or type(error).__name__).splitlines()[0]
            # An address may hold a password.
            said = re.sub(r"//[^/@\s]+@", "//…@", said)[:300]
            self._warn(
                f"Tracking with {self._tracker.name} ended ({said}). The run goes on without, and "
                f"{self._run.path} records it."
            )

    def _told(self) -> None:
        waiting: list[Point | Ending] = [self._queue.get()]
        first = waiting[0]
        assert isinstance(first, Point)
        self._tracker.open(self._run, first.step)
        while True:
            while not self._queue.empty():
                waiting.append(self._queue.get())
            self._tracker.write([point for point in waiting if isinstance(point, Point)])
            if not isinstance(waiting[-1], Point):
                self._tracker.close(waiting[-1])
                return
            waiting = [self._queue.get()]


def _training(event: Stepped) -> dict[str, float]:
    told = {
        "train/stage": event.stage + 1,
        "train/epoch": event.epoch,
        "train/loss": event.loss,
        "train/rate": event.rate,
        "train/pictures_per_second": event.pictures / max(event.seconds, 1e-9),
    }
    return told if event.memory is None else {**told, "train/memory": event.memory}
