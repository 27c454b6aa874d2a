"""What a server's processes take, all of them together, whoever started which."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["MARK", "Watch", "cpu", "end", "memory", "tree", "watched"]

MARK = "BENCHMARK_SERVER"
"""Variable that every process of a server inherits: some leave the tree they were started in."""

_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY = 0.5
_PATIENCE = 10.0


def tree(mark: str) -> list[int]:
    """Processes of the server that was started with this mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdecimal():
            continue
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:
            continue
    return found


def cpu(pids: list[int]) -> float:
    """Seconds of processor that they have taken so far, children that ended included."""
    ticks = 0
    for pid in pids:
        try:
            told = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        # The name, in brackets, may hold anything.
        fields = told.rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def memory(pids: list[int]) -> float:
    """Megabytes resident; what several share is counted once (PSS)."""
    kilobytes = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1000


class Watch:
    """Memory while something goes on."""

    def __init__(self, mark: str) -> None:
        self.before = memory(tree(mark))
        self.peak = self.before
        self._mark = mark
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """One last look."""
        self._stop.set()
        self._thread.join()
        self.peak = max(self.peak, memory(tree(self._mark)))

    @property
    def growth(self) -> float:
        """Megabytes, at the worst that was seen."""
        return self.peak - self.before

    def _look(self) -> None:
        while not self._stop.wait(_EVERY):
            self.peak = max(self.peak, memory(tree(self._mark)))


@contextmanager
def watched(mark: str) -> Iterator[Watch]:
    """The memory of a server during the block."""
    watch = Watch(mark)
    try:
        yield watch
    finally:
        watch.stop()


def end(first: int, mark: str) -> tuple[float, int]:
    """Ask the first process to end; seconds until all are gone, and how many had to be killed."""
    began = time.perf_counter()
    _send(first, signal.SIGTERM)
    while (left := tree(mark)) and time.perf_counter() - began < _PATIENCE:
        time.sleep(0.05)
    for pid in left:
        _send(pid, signal.SIGKILL)
    while tree(mark) and time.perf_counter() - began < 2 * _PATIENCE:
        time.sleep(0.05)
    return time.perf_counter() - began, len(left)


def _send(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return
