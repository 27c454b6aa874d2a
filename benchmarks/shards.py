"""Shards read in turn against a pack read picture by picture; and what the order of shards is like.

    python benchmarks/shards.py                       # 1 GB of pictures in a temporary folder
    python benchmarks/shards.py --pictures 2000 --rounds 1

Three parts. The order of an epoch of ImageNet's size, for which no picture is needed: what it costs
to draw, how often a shard is fetched, how many are held, how well batches are mixed. Then epochs of
made-up pictures on this disk, of which the system is told to keep nothing: a pack in random order
and shards in turn. Then the same from an object storage that is made to be as slow as they are: so
much until the first byte, so much a second for each connection.

Seconds on the clock are those of this machine and of whoever else works on it; what counts is their
ratio, and seconds of processor time.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.batches import Batch, Batches
from bakeoff.data.dataset import Dataset, load
from bakeoff.data.draws import order
from bakeoff.data.pack import Pack, pack
from bakeoff.data.remote import Remote
from bakeoff.data.sharding import SIZE, shard
from bakeoff.data.shards import Shard, Shards
from bakeoff.spec.image import Preprocess
from bakeoff.spec.split import SplitPlan

IMAGENET, SIDE, BATCH = 1_281_167, 224, 1024
PICTURE = SIDE * SIDE * 3

SMALL = 8_000_000
"""Bytes of a shard of the little that is written here: so that there are many."""

FIRST_BYTE, BANDWIDTH = 0.03, 90e6
"""Seconds, and bytes a second of one connection: what object storages are said to give."""


@dataclass(frozen=True)
class Slow:
    """Files of this disk, as from far away."""

    files: Any

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        content: bytes = self.files.cat_file(path, start=start, end=end)
        time.sleep(FIRST_BYTE + len(content) / BANDWIDTH)
        return content


def on_paper(count: int = IMAGENET) -> Shards:
    """Shards of which only the index is looked at."""
    per = SIZE // PICTURE
    sizes = [len(one) for one in np.array_split(np.arange(count), round(count / per))]
    shards = tuple(
        Shard(file=f"train-{n:05d}.npy", part="train", pictures=size, bytes=size, sha256="")
        for n, size in enumerate(sizes)
    )
    nothing = np.empty(0, np.int64)
    return Shards(
        remote=Remote(name="paper", root="", files=None),
        shards=shards,
        shape=(count, SIDE, SIDE, 3),
        labels=nothing,
        numbers=nothing,
        classes=(),
        digest="",
    )


def plan() -> None:
    """What an epoch of ImageNet's size is like."""
    shards = on_paper()
    rows = np.arange(len(shards))
    before = _cpu()
    first, second = (shards.order(rows, batch=BATCH, seed=0, epoch=epoch) for epoch in (0, 1))
    print(f"ImageNet in {len(shards.shards)} shards, batches of {BATCH}")
    print(f"  an epoch's order: {(_cpu() - before) / 2:.2f} s of processor")
    for world in (1, 8):
        steps = np.split(first[: len(rows) // BATCH * BATCH], len(rows) // BATCH)
        visits = shards._visits([step[: BATCH // world] for step in steps])
        fetched = len({visit for some in visits for visit in some})
        begun = np.bincount([v.first for v in {v for some in visits for v in some}], minlength=9)
        gone = np.bincount([v.last for v in {v for some in visits for v in some}], minlength=9)
        length = max(len(begun), len(gone)) + 1
        held = np.cumsum(np.pad(begun, (0, length - len(begun)))) - np.pad(
            np.cumsum(gone), (1, length - len(gone) - 1), mode="edge"
        )
        print(
            f"  one of {world}: {fetched} fetches an epoch, {np.median(held):.0f} shards held, "
            f"at most {held.max()}, and {shards.ahead} ahead"
        )
    mixed = met_again(first, second)
    chance = met_again(order(len(rows), 0, 0), order(len(rows), 0, 1))
    print(
        f"  pairs of a batch that meet again in the next epoch: {mixed:.2e}; by chance {chance:.2e}"
    )


def met_again(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> float:
    """Share of the pairs in a batch that are in one batch of the next epoch, too."""
    home = np.empty(len(first), np.int64)
    home[second] = np.arange(len(second)) // BATCH
    again, pairs = 0, 0
    for start in range(0, len(first) - BATCH, BATCH):
        counts = np.unique(home[first[start : start + BATCH]], return_counts=True)[1]
        again += int((counts * (counts - 1)).sum())
        pairs += BATCH * (BATCH - 1)
    return again / pairs


def made(folder: Path, count: int) -> tuple[Pack, Dataset]:
    """A pack of noise, and a dataset that it could be of."""
    # As many labelled pictures as are needed, of no size: the pack is written beside them.
    labels = np.arange(count) % 10
    small = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    np.savez(folder / "small.npz", x_train=small, y_train=labels)
    dataset = load(folder / "small.npz", plan=SplitPlan(shares=(0.98, 0.01, 0.01)))
    packed = pack(dataset, Preprocess(size=8))
    path = folder / "pictures.npy"
    noise = np.random.default_rng(1).integers(0, 256, (64, SIDE, SIDE, 3), dtype=np.uint8)
    held = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, SIDE, SIDE, 3))
    for start in range(0, count, 64):
        held[start : start + 64] = noise[: count - start]
    held.flush()
    return replace(packed, pictures=held, path=path), dataset


def forgotten(paths: Iterable[Path]) -> None:
    """Have the system keep nothing of these files in memory."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def declared(images: Any, labels: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Batches:
    """A training part, shuffled."""
    return Batches(
        images=images, labels=labels, indices=rows, part="train", classes=10, batch=64,
        shuffle=True, drop_last=True, resident=False,
    )  # fmt: skip


def drained(batches: Iterable[Batch]) -> int:
    """How many pictures there were."""
    return sum(len(batch.indices) for batch in batches)


def clocked(work: Callable[[], int]) -> tuple[float, float, float]:
    """Pictures a second, seconds on the clock, and microseconds of processor for each picture."""
    wall, cpu = time.perf_counter(), _cpu()
    count = work()
    seconds = time.perf_counter() - wall
    return count / seconds, seconds, (_cpu() - cpu) / count * 1e6


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def one_by_one(slow: Slow, path: Path, rows: npt.NDArray[np.int64], threads: int) -> int:
    """Pictures out of a pack in an object storage, by requests for parts of the file."""

    def fetch(row: int) -> int:
        begin = 128 + row * PICTURE
        return len(slow.cat_file(str(path), begin, begin + PICTURE))

    with ThreadPoolExecutor(threads) as pool:
        assert sum(pool.map(fetch, rows.tolist())) == len(rows) * PICTURE
    return len(rows)


def told(name: str, found: list[tuple[float, float, float]]) -> float:
    """Print what was clocked; the middle rate."""
    rates = [rate for rate, _, _ in found]
    cpu = statistics.median(cpu for _, _, cpu in found)
    rate = statistics.median(rates)
    print(
        f"  {name}: {rate:.0f} pictures/s ({min(rates):.0f} to {max(rates):.0f}), "
        f"{cpu:.0f} µs of processor each"
    )
    return rate


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=7000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    plan()
    with tempfile.TemporaryDirectory() as name:
        os.environ["BAKEOFF_DATA"] = f"{name}/cache"
        packed, dataset = made(Path(name), given.pictures)
        shards = shard(packed, dataset, Path(name, "shards").as_uri(), size=SMALL)
        count, path = len(packed.pictures), packed.path
        # What is mapped is not forgotten.
        del packed
        files = list(Path(name, "shards").iterdir())
        train = shards.part("train")
        print(
            f"{len(train)} pictures of {SIDE} pixels, {train.size * PICTURE / 1e9:.2f} GB, on disk"
        )
        by_pack: list[tuple[float, float, float]] = []
        by_shards: list[tuple[float, float, float]] = []
        for number in range(given.rounds):
            forgotten([path])
            of_pack = declared(np.load(path, mmap_mode="r"), dataset.labels, dataset.split.train)
            by_pack.append(clocked(partial(drained, of_pack.epoch(number))))
            del of_pack
            forgotten(files)
            of_shards = declared(shards, shards.labels, train)
            by_shards.append(clocked(partial(drained, of_shards.epoch(number))))
        before = told("pack, at random", by_pack)
        print(f"  shards are read {told('shards, in turn', by_shards) / before:.2f} times as fast")
        away = f"{FIRST_BYTE * 1e3:.0f} ms away, {BANDWIDTH / 1e6:.0f} MB/s a connection"
        print(f"from {away}, {shards.ahead} of them")
        slow = Slow(shards.remote.files)
        far = replace(shards, remote=replace(shards.remote, files=slow))
        some = order(count, 0, 0)[:400]
        single = clocked(partial(one_by_one, slow, path, some, far.ahead))
        before = told("pack, a request for each picture", [single])
        batches = declared(far, shards.labels, train)
        rate = told("shards", [clocked(partial(drained, batches.epoch(0)))])
        most = far.ahead / (FIRST_BYTE + SMALL / BANDWIDTH) * SMALL / PICTURE
        print(f"  {rate / before:.0f} times as fast, {rate / most:.0%} of what they can carry")


if __name__ == "__main__":
    main()
