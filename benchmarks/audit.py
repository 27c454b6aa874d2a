"""How long a dataset takes to be looked at, searched for near-duplicates and audited.

    python benchmarks/audit.py cifar10                # or a folder, an archive, batch files
    python benchmarks/audit.py photos/ --rounds 3

Each round starts with a fresh cache, so nothing is remembered. Seconds of processor time count;
seconds on the clock depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from bakeoff.data.audit import audit
from bakeoff.data.dataset import load
from bakeoff.data.near import near_duplicates
from bakeoff.data.scan import scan, workers
from bakeoff.report.audit_page import audit_page

T = TypeVar("T")


def clocked(task: str, count: int, work: Callable[[], T]) -> T:
    """Do the work and print what it took."""
    wall, cpu = time.perf_counter(), _cpu()
    result = work()
    wall, cpu = time.perf_counter() - wall, _cpu() - cpu
    rate = f"{count / wall:,.0f} pictures/s" if count else ""
    print(f"{task:>16}  {wall:7.2f} s clock  {cpu:7.2f} s processor  {rate}")
    return result


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def one_round(data: str) -> None:
    """Everything once, in a fresh cache."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["BAKEOFF_DATA"] = cache
        dataset = load(data)
        count = len(dataset)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["BAKEOFF_DATA"] = cache
        seen = clocked("scan", count, lambda: scan(dataset.pictures))
        pairs = clocked("near-duplicates", count, lambda: near_duplicates(seen.thumbs))
    with tempfile.TemporaryDirectory() as cache:
        os.environ["BAKEOFF_DATA"] = cache
        whole = clocked("load and audit", count, lambda: (fresh := load(data), audit(fresh)))
        page = clocked("page", 0, lambda: audit_page(*whole))
    leaked = whole[1].facts.near.leaked["test"]
    print(f"n = {count:,}; {len(pairs):,} pairs, {leaked:,} test pictures with one; ", end="")
    print(f"limit {pairs.limit:g}; page {len(page.encode()) / 1e6:.2f} MB")


def main() -> None:
    """Print the machine, then each round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", help="what `bakeoff data` takes; read once before, so it is warm")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    print(
        f"{platform.machine()}, {workers()} processors, Python {platform.python_version()}, "
        f"NumPy {np.__version__}"
    )
    for _ in range(given.rounds):
        one_round(given.data)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:,.0f} MB")


if __name__ == "__main__":
    main()
