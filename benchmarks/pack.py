"""How fast pictures are packed, against what the decoder alone can do.

    python benchmarks/pack.py cifar10                 # or a folder of batch files
    python benchmarks/pack.py photos/ --size 224 --rounds 3

The pack is made in a fresh cache each round. The decoder alone is Pillow opening and decoding each
file, whole, on all processors, without any of ours. Both are timed in turn, and what counts is the
ratio of processor seconds: other processes on the machine change seconds on the clock.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from PIL import Image

from bakeoff.data.dataset import load
from bakeoff.data.listing import FilePictures
from bakeoff.data.pack import pack
from bakeoff.data.scan import workers
from bakeoff.spec.image import Preprocess

T = TypeVar("T")


def clocked(work: Callable[..., T], *given: object) -> tuple[T, float, float]:
    """What the work gives, and its seconds on the clock and of processor time."""
    wall, cpu = time.perf_counter(), _cpu()
    result = work(*given)
    return result, time.perf_counter() - wall, _cpu() - cpu


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def decoder_alone(pictures: FilePictures) -> None:
    """Every file decoded whole, on all processors, and thrown away."""

    def decode(index: int) -> None:
        with Image.open(pictures.path(index)) as picture:
            picture.load()

    with ThreadPoolExecutor(workers()) as pool:
        list(pool.map(decode, range(len(pictures)), chunksize=64))


def round_of(data: str, size: int | None) -> tuple[float, float] | None:
    """One round in a fresh cache; for files, the decoder's time over ours, processor and clock."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["BAKEOFF_DATA"] = cache
        dataset, seconds, cpu = clocked(load, data)
        count = len(dataset)
        print(f"{count} pictures: loaded in {seconds:.2f} s, {cpu:.2f} s of processor")
        side = size or int(dataset.scan.heights[0])
        _, seconds, cpu = clocked(pack, dataset, Preprocess(size=side))
        rate = count / seconds
        print(f"  packed at {side} in {seconds:.2f} s, {cpu:.2f} s of processor, {rate:.0f}/s")
        if not isinstance(dataset.pictures, FilePictures):
            return None
        _, wall, alone = clocked(decoder_alone, dataset.pictures)
        print(f"  decoder alone {wall:.2f} s, {alone:.2f} s of processor")
        return alone / cpu, wall / seconds


def main() -> None:
    """Print each round, and the medians."""
    parser = argparse.ArgumentParser(description="How fast pictures are packed.")
    parser.add_argument("data")
    parser.add_argument("--size", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{platform.machine()}, {workers()} processors, Python {platform.python_version()}")
    rounds = [round_of(options.data, options.size) for _ in range(options.rounds)]
    ratios = [ratio for ratio in rounds if ratio is not None]
    if ratios:
        cpu, seconds = (statistics.median(column) for column in zip(*ratios, strict=True))
        print(f"pack / decoder alone: {cpu:.0%} by processor time, {seconds:.0%} by the clock")


if __name__ == "__main__":
    main()
