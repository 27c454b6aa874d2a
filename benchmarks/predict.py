"""How fast a champion answers a folder of pictures, beside its parts alone.

    python benchmarks/predict.py CHAMPION photos/ [--engine onnx] [--rounds 5] [--most 2000]

Each round decodes all pictures, computes those that were decoded, and then answers the folder as
`bakeoff predict` does, all on the same processors; the median of the rounds is printed. Decoding
and computing share them, so the folder cannot be faster than both together; where decoding is
cheap, that is the rate of the engine alone. Processor time counts: on a busy machine the clock says
what else it does.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

import bakeoff
from bakeoff.champion.champion import BATCH
from bakeoff.champion.files import answers, pictures_in
from bakeoff.data.scan import in_order, workers

PARTS = ("decode", "engine", "folder")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def clocked(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of processor time."""
    wall, cpu = time.perf_counter(), _cpu()
    work()
    return time.perf_counter() - wall, _cpu() - cpu


def main() -> None:
    """Print a line per part, and what the folder reaches of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("champion", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=2000)
    given = parser.parse_args()
    model = bakeoff.open(given.champion, engine=given.engine)
    files = pictures_in([given.folder])[: given.most]
    pixels = np.stack(list(in_order(model.read, files)))

    def engine() -> None:
        for start in range(0, len(pixels), BATCH):
            model.engine(pixels[start : start + BATCH])

    work: dict[str, Callable[[], object]] = {
        "decode": lambda: list(in_order(model.read, files)),
        "engine": engine,
        "folder": lambda: list(answers(model, files)),
    }
    for one in work.values():
        one()
    found = {name: [clocked(work[name]) for _ in range(1)] for name in PARTS}
    for _ in range(given.rounds - 1):
        for name in PARTS:
            found[name].append(clocked(work[name]))
    print(f"{platform.machine()}, {workers()} processors, {model!r}, n = {len(files):,}")
    wall = {name: median(one[0] for one in found[name]) for name in PARTS}
    cpu = {name: median(one[1] for one in found[name]) for name in PARTS}
    for name in PARTS:
        rate = len(files) / wall[name]
        each = cpu[name] / len(files) * 1e3
        print(f"{name:>8}  {rate:9,.0f} pictures/s  {each:8.3f} ms of processor time a picture")
    both = wall["decode"] + wall["engine"]
    print(
        f"the folder runs at {wall['engine'] / wall['folder']:.0%} of the engine alone and at "
        f"{both / wall['folder']:.0%} of decoding and engine one after the other; in processor "
        f"time at {(cpu['decode'] + cpu['engine']) / cpu['folder']:.0%} of both"
    )


if __name__ == "__main__":
    main()
