"""Writing a pack as shards, to a disk or to an object storage."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from bakeoff.data.cache import cache_folder, writing
from bakeoff.data.dataset import Dataset
from bakeoff.data.draws import order
from bakeoff.data.pack import Pack, digest_of, pack
from bakeoff.data.progress import Progress, silent
from bakeoff.data.remote import Remote, remote
from bakeoff.data.shards import INDEX, LABELS, NUMBERS, SCHEMA, Shard, Shards, opened
from bakeoff.spec.errors import ArgumentError, DataError
from bakeoff.spec.image import Preprocess

__all__ = ["SIZE", "shard", "sharded"]

SIZE = 64_000_000
"""Bytes of a shard: so many that a request costs little beside them, and so few that the shards
which are shuffled together fit into memory."""


def sharded(
    dataset: Dataset, preprocess: Preprocess, url: str, *, progress: Progress = silent
) -> Shards:
    """The pictures of `dataset` in shards below `url`, as `preprocess` fits them; packed here and
    written there if nobody has yet."""
    told = f"{SCHEMA} {dataset.digest} {digest_of(dataset, preprocess)}"
    place = f"{url.rstrip('/')}/{hashlib.sha256(told.encode()).hexdigest()[:32]}"
    # Processes of one machine write once. Those of others may write too, and their decoders may
    # differ: a shard is named by what is in it, so that nobody's index names another's shards.
    lock = cache_folder() / "packs" / f".{place.rpartition('/')[2]}.shards.lock"
    if not remote(place).has(INDEX):
        with writing("the lock of shards", lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            waiting = FileLock(lock)
            waiting.acquire()
        try:
            if not remote(place).has(INDEX):
                packed = pack(dataset, preprocess, progress=progress)
                shard(packed, dataset, place, progress=progress)
        finally:
            waiting.release()
    return opened(place)


def shard(
    packed: Pack,
    dataset: Dataset,
    url: str,
    *,
    size: int = SIZE,
    parts: Sequence[str] = ("train", "val"),
    seed: int = 0,
    progress: Progress = silent,
) -> Shards:
    """Write the pack of `dataset` to `url`, in shards of about `size` bytes; what was written.

    Each part has shards of its own: the training part in an order drawn by `seed`, others in their
    own. The test part stays at home unless it is asked for.
    """
    place = remote(url)
    if place.has(INDEX):
        rule = "holds shards already"
        raise DataError(place.name, rule, suggestion="Give another URL, or remove them.")
    rows = {name: _drawn(dataset, name, seed) for name in parts}
    if not rows:
        raise ArgumentError("parts", "must name one part at least", tuple(parts))
    pictures = packed.pictures
    total, done, written = sum(map(len, rows.values())), 0, list[Shard]()
    progress("writing shards", 0, total)
    for name, of_part in rows.items():
        count = max(1, round(len(of_part) * pictures[0].nbytes / size))
        for number, some in enumerate(np.array_split(of_part, min(count, len(of_part)))):
            content = _file(_gathered(pictures, some))
            file = f"{name}-{number:05d}-{hashlib.sha256(content).hexdigest()[:12]}.npy"
            told = _put(place, file, content)
            written.append(Shard(file=file, part=name, pictures=len(some), **told))
            done += len(some)
            progress("writing shards", done, total)
    numbers = np.concatenate(list(rows.values()))
    files = {LABELS: dataset.labels[numbers], NUMBERS: numbers}
    index = {
        "schema": SCHEMA,
        "kind": "shards",
        "name": dataset.name,
        "pack": packed.digest,
        "dataset": dataset.digest,
        "classes": list(dataset.classes),
        "shape": list(pictures.shape[1:]),
        "seed": seed,
        "files": {name: _put(place, name, _file(array)) for name, array in files.items()},
        "shards": [asdict(one) for one in written],
    }
    if not place.has(INDEX):
        place.write(INDEX, (json.dumps(index, indent=2, ensure_ascii=False) + "\n").encode())
    return opened(url)


def _drawn(dataset: Dataset, name: str, seed: int) -> npt.NDArray[np.int64]:
    """The pictures of a part in the order they will lie."""
    known = dataset.split.parts()
    if name not in known:
        raise ArgumentError("parts", f"must be of {', '.join(known)}", name)
    rows = known[name]
    if len(rows) == 0:
        raise DataError(f"part {name!r}", "holds no pictures", suggestion="Leave it out.")
    return rows[order(len(rows), seed, 0)] if name == "train" else rows


def _gathered(
    pictures: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    held = np.empty((len(rows), *pictures.shape[1:]), np.uint8)
    # Read in the order they lie in the pack.
    by_place = np.argsort(rows, kind="stable")
    held[by_place] = pictures[rows[by_place]]
    return held


def _file(array: npt.NDArray[Any]) -> bytes:
    """An array as any NumPy reads it."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _put(place: Remote, name: str, content: bytes) -> dict[str, Any]:
    """Write a file; its size and SHA-256."""
    place.write(name, content)
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
