"""Which engine, and how many pictures at once: measured on this machine, once for each champion.

Threads decide more than engines do: a network spread over all processors leaves none to decode the
next picture, and two that each want all of them are in each other's way. So
it is either one picture on each processor, or one picture on all; whichever answers more. A quick
champion has a process for each processor, as threads of one would mostly wait for each other.
"""

from __future__ import annotations

import importlib.util
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from bakeoff.champion.champion import Champion
from bakeoff.champion.opening import GRAPH, Named
from bakeoff.champion.opening import open as opened
from bakeoff.data.cache import cache_folder
from bakeoff.data.machine import look
from bakeoff.version import __version__

__all__ = ["Plan", "is_quick", "planned"]

_SECONDS = 0.15
"""For which each way is tried."""

_CLEARLY = 1.15
"""How much better a way has to be than the one before it, which is the simpler one: less is what
other work on the machine makes between two measurements."""

_QUICK = 0.004
"""Seconds for a picture up to which the event loop can compute it between two requests."""

_TOGETHER = 32
"""Pictures that a GPU computes at once, unless told otherwise. On a processor it is one: 32 take 31
times as long."""

_TIMES = 5
"""A picture is computed to see what it takes; the least of them counts."""

_IDLE = 0.75
"""Load for each processor up to which what was measured is worth remembering."""

_PROCESS = 600_000_000
"""Bytes of free memory for each process; it takes a quarter of that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a champion is computed."""

    engine: Named
    lanes: int
    """Pictures at once, in each process."""

    threads: int
    """That each of them takes."""

    workers: int = 1
    """Processes."""

    batch: int = 1
    """Pictures of several requests that are computed together."""

    is_quick: bool = False
    """Whether a picture takes so little that each processor had better have a process."""

    rate: float | None = None
    """Pictures a second when it was tried; None: it was not tried."""

    @property
    def reason(self) -> str:
        """In a few words."""
        several = self.workers > 1
        ways = f"{self.engine} in {self.workers} processes, " if several else f"{self.engine}, "
        ways += "one picture at a time" if self.lanes == 1 else f"{self.lanes} pictures at once"
        ways += " in each" * several
        if self.batch > 1:
            ways += f", computed up to {self.batch} together"
        if self.threads > 1:
            ways += f" with {self.threads} threads"
        return f"{ways}: {self.rate:.0f} pictures/s" if self.rate else f"{ways}, as asked"


def planned(
    path: Path,
    *,
    engine: str = "auto",
    lanes: int | None = None,
    workers: int | None = None,
    batch: int | None = None,
    device: str | None = None,
) -> tuple[Champion, Plan]:
    """The champion at `path`, open, and how it is best computed here: as far as it is not told,
    by measuring.

    What was measured is remembered, so that the second start is a quick one.
    """
    cores = look().cores
    names = _engines(path, engine, device)
    is_cpu = device in (None, "cpu")
    together = batch or (1 if is_cpu else _TOGETHER)
    if lanes is not None or together > 1 or not is_cpu:
        plan = _told(names[0], cores, lanes, workers or 1, together)
        return _open(path, plan, device, replay=True), plan
    first = Plan(engine=names[0], lanes=cores, threads=1)
    champion = _open(path, first, device, replay=True)
    kept = _kept(champion.digest, cores, engine)
    best = _read(kept)
    if best is None:
        best = _measured(path, champion, names, cores)
        if os.getloadavg()[0] <= _IDLE * cores:
            _keep(kept, best)
    plan = _spread(best, cores, workers)
    if (plan.engine, plan.threads) == (first.engine, first.threads):
        return champion, plan
    return _open(path, plan, device, replay=plan.engine != first.engine), plan


def is_quick(champion: Champion, plan: Plan) -> bool:
    """Whether the event loop of a process that computes one picture at a time had better do so
    itself."""
    return plan.lanes == 1 and _least(champion) <= _QUICK


def _told(engine: Named, cores: int, lanes: int | None, workers: int, batch: int) -> Plan:
    """As it is told, without measuring."""
    if batch > 1:
        # Lanes decode, and wait for what is computed: more of them than processors fill a batch.
        chosen = lanes or max(2, min(batch, 2 * cores // workers))
        threads = max(1, cores // workers)
    else:
        chosen = lanes or 1
        threads = max(1, cores // (chosen * workers))
    return Plan(engine=engine, lanes=chosen, threads=threads, workers=workers, batch=batch)


def _spread(best: Plan, cores: int, workers: int | None) -> Plan:
    """The best way, in as many processes."""
    if workers is None:
        free = look().free
        most = cores if free is None else max(1, free // _PROCESS)
        workers = min(cores, most) if best.is_quick else 1
    lanes = max(1, best.lanes // workers)
    threads = max(1, best.lanes * best.threads // (lanes * workers))
    return replace(best, lanes=lanes, threads=threads, workers=workers)


def _engines(path: Path, engine: str, device: str | None) -> list[Named]:
    """What could compute it, the first choice first."""
    asked: dict[str, Named] = {name: name for name in get_args(Named)}
    if engine != "auto":
        return [asked[engine]]
    graph = path.is_file() or (path / GRAPH).exists()
    found: list[Named] = []
    if graph and importlib.util.find_spec("onnxruntime") is not None:
        found.append("onnx")
    if graph and device in (None, "cpu") and importlib.util.find_spec("openvino") is not None:
        found.append("openvino")
    return found or ["auto"]


def _open(path: Path, plan: Plan, device: str | None, *, replay: bool) -> Champion:
    return opened(path, engine=plan.engine, device=device, threads=plan.threads, replay=replay)


def _measured(path: Path, first: Champion, names: list[Named], cores: int) -> Plan:
    best: Plan | None = None
    is_quick = _least(first) <= _QUICK
    for plan in _ways(names, cores, is_quick=is_quick):
        champion = first
        if (plan.engine, plan.threads) != (names[0], 1):
            champion = _open(path, plan, None, replay=plan.engine != names[0])
        rate = _rate(champion, plan.lanes)
        if best is None or rate > _CLEARLY * (best.rate or 0):
            best = replace(plan, rate=rate, is_quick=is_quick)
    assert best is not None
    return best


def _ways(names: list[Named], cores: int, *, is_quick: bool) -> Iterator[Plan]:
    for name in names:
        yield Plan(engine=name, lanes=cores, threads=1)
    # What is done in a moment gains nothing from being shared.
    if cores > 1 and not is_quick:
        for name in names:
            yield Plan(engine=name, lanes=1, threads=cores)


def _rate(champion: Champion, lanes: int) -> float:
    """Pictures a second, each computed by itself."""
    picture = _picture(champion)
    champion.engine(picture)
    counts = [0] * lanes
    until = time.perf_counter() + _SECONDS

    def lane(number: int) -> None:
        while time.perf_counter() < until:
            champion.engine(picture)
            counts[number] += 1

    began = time.perf_counter()
    threads = [threading.Thread(target=lane, args=(number,)) for number in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def _least(champion: Champion) -> float:
    """Seconds that one picture takes where nothing else disturbs."""
    return min(_took(champion) for _ in range(_TIMES))


def _took(champion: Champion) -> float:
    picture = _picture(champion)
    began = time.perf_counter()
    champion.engine(picture)
    return time.perf_counter() - began


def _picture(champion: Champion) -> npt.NDArray[np.uint8]:
    side = champion.recipe.preprocess.size
    assert side is not None
    return np.full((1, side, side, 3), 128, np.uint8)


def _kept(digest: str, cores: int, engine: str) -> Path:
    installed = [
        f"{name}-{version(name)}"
        for name in ("onnxruntime", "openvino")
        if importlib.util.find_spec(name) is not None
    ]
    name = "-".join((digest[:16], str(cores), engine, __version__, *installed))
    return cache_folder() / "services" / "plans" / f"{name}.json"


def _read(path: Path) -> Plan | None:
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Plan(**facts)
    except (OSError, ValueError, TypeError):
        return None


def _keep(path: Path, plan: Plan) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    except OSError:
        # It is measured again next time.
        return
