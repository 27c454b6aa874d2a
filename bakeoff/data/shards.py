"""A pack in shards: read from one end to the other, in an order that is shuffled all the same.

A pack is read picture by picture, which a disk can do and an object storage cannot. A shard is one
file of many pictures in an order drawn when it was written, and is read whole. An epoch goes
through the shards in an order of its own, in several lanes at once; each lane shuffles the pictures
of a few shards among themselves, and every batch takes its share from each lane. All of it is a
pure function of the seed and the epoch, so that nothing has to be read to know what a step holds.

Lanes are cut as processes cut a batch: as many processes as lanes, or half as many, read different
shards, and the pictures of a step are the same however many there are.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.draws import hashed
from bakeoff.data.remote import Remote, remote
from bakeoff.spec.errors import DataError

__all__ = ["INDEX", "LABELS", "NUMBERS", "SCHEMA", "Shard", "Shards", "cuts", "opened"]

INDEX = "shards.json"
"""Written last: where it is, all others are."""

LABELS = "labels.npy"
NUMBERS = "numbers.npy"
SCHEMA = 1

_FILE = re.compile(r"[a-z]+-\d{5,}-[0-9a-f]{12}\.npy")
_AGAIN = (
    "Get that file again from where it came from; or delete the folder that it is in, and the "
    "command that wrote the shards writes them again."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One file of pictures, of one part."""

    file: str
    part: str
    pictures: int
    bytes: int
    sha256: str


@dataclass(kw_only=True, eq=False, slots=True)
class _Visit:
    """Steps through which a shard is held."""

    shard: int
    first: int
    last: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Shards:
    """Pictures in shards, numbered as they lie in them. Stands where the array of a pack does."""

    remote: Remote = field(repr=False)
    shards: tuple[Shard, ...] = field(repr=False)
    shape: tuple[int, int, int, int]
    labels: npt.NDArray[np.int64] = field(repr=False)
    """Of each picture here."""

    numbers: npt.NDArray[np.int64] = field(repr=False)
    """Of each picture here: its number in the dataset that it was written from."""

    classes: tuple[str, ...]
    digest: str
    """SHA-256 of the index, which holds those of all other files."""

    lanes: int = 8
    """Ways through the shards that every batch takes its share from."""

    window: int = 2
    """Shards of a lane that are shuffled together, and so in memory at once; twice as many for a
    step or two, where one such group ends and the next begins."""

    ahead: int = 8
    """Shards fetched at once, before they are needed."""

    def __post_init__(self) -> None:
        assert self.lanes >= 1, self.lanes
        assert self.window >= 1, self.window
        assert self.ahead >= 1, self.ahead

    def __len__(self) -> int:
        return self.shape[0]

    def part(self, name: str) -> npt.NDArray[np.int64]:
        """The pictures of a part, in the order they lie."""
        of_part = np.array([shard.part == name for shard in self.shards])
        return np.flatnonzero(of_part[self._shard_of(np.arange(len(self)))])

    def order(
        self, rows: npt.NDArray[np.int64], *, batch: int, seed: int, epoch: int
    ) -> npt.NDArray[np.int64]:
        """Places in `rows`, shuffled so that batches of them read few shards at a time."""
        homes = self._shard_of(rows)
        turn = hashed(np.arange(len(self.shards)), "shards", seed, epoch)
        stream = np.argsort(turn[homes], kind="stable")
        whole, rest = divmod(len(rows), batch)
        full, last = cuts(batch, self.lanes), cuts(rest, self.lanes)
        taken = np.empty(len(rows), np.int64)
        body, tail = taken[: whole * batch].reshape(whole, batch), taken[whole * batch :]
        begin = 0
        for lane in range(self.lanes):
            wide, short = full[lane + 1] - full[lane], last[lane + 1] - last[lane]
            end = begin + whole * wide + short
            held = self._mixed(stream[begin:end], homes, seed, epoch)
            body[:, full[lane] : full[lane + 1]] = held[: whole * wide].reshape(whole, wide)
            tail[last[lane] : last[lane + 1]] = held[whole * wide :]
            begin = end
        return taken

    def _mixed(
        self, lane: npt.NDArray[np.int64], homes: npt.NDArray[np.int64], seed: int, epoch: int
    ) -> npt.NDArray[np.int64]:
        """A lane's places, those of `window` shards that follow each other shuffled together."""
        changes = np.diff(homes[lane], prepend=homes[lane[:1]]) != 0
        windows = np.cumsum(changes) // self.window
        return lane[np.lexsort((hashed(lane, "window", seed, epoch), windows))]

    def read(
        self, steps: Sequence[npt.NDArray[np.int64]]
    ) -> Generator[npt.NDArray[np.uint8], None, None]:
        """The pictures of one step after another. Shards are fetched in the order that steps come
        to them, a few ahead, and let go after the last step that needs them."""
        needed = self._visits(steps)
        waiting = deque(dict.fromkeys(visit for visits in needed for visit in visits))
        held: dict[_Visit, Future[npt.NDArray[np.uint8]]] = {}
        pool = ThreadPoolExecutor(self.ahead, thread_name_prefix="shards")
        try:
            for step, (rows, visits) in enumerate(zip(steps, needed, strict=True)):
                early = sum(visit.first > step for visit in held)
                while waiting and (waiting[0].first <= step or early < self.ahead):
                    visit = waiting.popleft()
                    early += visit.first > step
                    held[visit] = pool.submit(self._fetched, visit.shard)
                yield self._gathered(rows, {visit.shard: held[visit].result() for visit in visits})
                for visit in visits:
                    if visit.last == step:
                        del held[visit]
        finally:
            pool.shutdown(cancel_futures=True)

    def _visits(self, steps: Sequence[npt.NDArray[np.int64]]) -> list[list[_Visit]]:
        """Which shards each step needs. One at a border of lanes is needed at both ends of an
        epoch: it is fetched twice rather than kept all the time."""
        open_ones: dict[int, _Visit] = {}
        needed = []
        for step, rows in enumerate(steps):
            visits = []
            for shard in np.unique(self._shard_of(rows)).tolist():
                visit = open_ones.get(shard)
                if visit is None or step - visit.last > len(steps) // 2:
                    visit = open_ones[shard] = _Visit(shard=shard, first=step, last=step)
                visit.last = step
                visits.append(visit)
            needed.append(visits)
        return needed

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Some pictures, out of turn: every shard that holds one of them is fetched for it."""
        found = np.empty((len(rows), *self.shape[1:]), np.uint8)
        by_place = np.argsort(rows, kind="stable")
        # Shard by shard, so that few are in memory at a time.
        borders = np.flatnonzero(np.diff(self._shard_of(rows[by_place]))) + 1
        places = np.split(by_place, borders)
        for some, pictures in zip(places, self.read([rows[some] for some in places]), strict=True):
            found[some] = pictures
        return found

    def _gathered(
        self, rows: npt.NDArray[np.int64], held: Mapping[int, npt.NDArray[np.uint8]]
    ) -> npt.NDArray[np.uint8]:
        pictures = np.empty((len(rows), *self.shape[1:]), np.uint8)
        homes = self._shard_of(rows)
        for shard, content in held.items():
            here = homes == shard
            pictures[here] = content[rows[here] - self._begins[shard]]
        return pictures

    def _fetched(self, number: int) -> npt.NDArray[np.uint8]:
        shard = self.shards[number]
        content = _read(self.remote, shard.file, shard.bytes, shard.sha256)
        # What was hashed is looked at where it lies: the pictures are the end of the file.
        shape = (shard.pictures, *self.shape[1:])
        begin = len(content) - int(np.prod(shape))
        return np.frombuffer(content, np.uint8, offset=begin).reshape(shape)

    @cached_property
    def _begins(self) -> npt.NDArray[np.int64]:
        """Number of the first picture of each shard."""
        counts = [shard.pictures for shard in self.shards]
        return np.cumsum([0, *counts[:-1]], dtype=np.int64)

    def _shard_of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.searchsorted(self._begins, rows, side="right").astype(np.int64) - 1


def cuts(total: int, ways: int) -> list[int]:
    """Where a batch is cut for so many processes or lanes: between pairs, so that pictures mixed
    with their neighbours are not torn apart."""
    pairs = -(-total // 2)
    return [min(2 * (pairs * way // ways), total) for way in range(ways + 1)]


def opened(url: str, *, lanes: int = 8, window: int = 2, ahead: int = 8) -> Shards:
    """The shards behind a URL, such as s3://bucket/photos-224; no picture is read yet."""
    place = remote(url)
    name = place.shown(INDEX)
    if not place.has(INDEX):
        rule = "is not there, or may not be read: no shards, or they were not written to the end"
        raise DataError(name, rule, suggestion="Look at the URL, or write them again.")
    content = place.read(INDEX)
    try:
        told = json.loads(content)
        newer = told["schema"] != SCHEMA
        if not newer:
            return _described(
                place, told, lanes=lanes, window=window, ahead=ahead, digest=_sha256(content)
            )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(name, "is not what was written", suggestion=_AGAIN) from None
    rule = f"is of schema {told['schema']!r}, and this Bakeoff reads {SCHEMA}"
    raise DataError(name, rule, suggestion="Use the Bakeoff that wrote it.")


def _described(place: Remote, told: Any, **how: Any) -> Shards:
    """What an index says; errors of many kinds where it says something else."""
    shards = tuple(Shard(**one) for one in told["shards"])
    height, width, channels = told["shape"]
    for shard in shards:
        pixels = shard.pictures * height * width * channels
        if not _FILE.fullmatch(shard.file) or not 0 < pixels <= shard.bytes:
            raise ValueError(shard.file)
    count = sum(shard.pictures for shard in shards)
    labels, numbers = (_numbers(place, name, told["files"][name]) for name in (LABELS, NUMBERS))
    if not len(labels) == len(numbers) == count > 0:
        raise ValueError(count)
    return Shards(
        remote=place,
        shards=shards,
        shape=(count, height, width, channels),
        labels=labels,
        numbers=numbers,
        classes=tuple(map(str, told["classes"])),
        **how,
    )


def _numbers(place: Remote, name: str, told: Any) -> npt.NDArray[np.int64]:
    content = _read(place, name, told["bytes"], told["sha256"])
    found: npt.NDArray[np.int64] = np.load(io.BytesIO(content), allow_pickle=False)
    return found.astype(np.int64)


def _read(place: Remote, name: str, size: int, sha256: str) -> bytes:
    content = place.read(name)
    if len(content) != size:
        rule = f"is damaged: it has {len(content):,} bytes instead of {size:,}"
        raise DataError(place.shown(name), rule, suggestion=_AGAIN)
    if _sha256(content) != sha256:
        rule = f"is damaged: its SHA-256 is not the one in {INDEX}"
        raise DataError(place.shown(name), rule, suggestion=_AGAIN)
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
