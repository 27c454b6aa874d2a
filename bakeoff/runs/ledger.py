"""Who opened a test part, and when: kept with the dataset's cache, over all bake-offs.

One file for each set of test pictures, whatever is trained on beside them and whatever they are
called. A line is on disk before anything of the part is looked at.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from bakeoff.data.cache import cache_folder, writing
from bakeoff.data.dataset import Dataset

__all__ = ["Opened", "Opening", "key", "open_test", "openings"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """One time that a test part was opened."""

    when: str
    token: str
    """Of the bake-off that did: going on with it is no other opening."""

    why: str
    where: str
    pictures: int
    data: str
    """The dataset's digest: pictures, labels and split."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """How often these pictures were opened, this time among them."""

    times: int

    @property
    def before(self) -> int:
        return self.times - 1


def key(dataset: Dataset) -> str:
    """SHA-256 of the test part's pictures, in whatever order they come."""
    digests = sorted(row.tobytes() for row in dataset.scan.digests[dataset.split.test])
    return hashlib.sha256(b"test\0" + b"".join(digests)).hexdigest()


def openings(dataset: Dataset) -> tuple[Opening, ...]:
    """All openings of the dataset's test part so far. A line that a crash cut off is one too."""
    try:
        lines = _path(dataset).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    return tuple(_read(line) for line in lines if line)


def open_test(dataset: Dataset, *, token: str, why: str, where: Path) -> Opened:
    """Write down that the test part is opened now, unless `token` opened it before."""
    path = _path(dataset)
    with writing("the ledger of test openings", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            before = openings(dataset)
            for place, one in enumerate(before, 1):
                if one.token == token:
                    return Opened(times=place)
            opening = Opening(
                when=datetime.now(UTC).isoformat(timespec="seconds"),
                token=token,
                why=why,
                where=str(where.absolute()),
                pictures=len(dataset.split.test),
                data=dataset.digest,
            )
            _append(path, json.dumps(asdict(opening), ensure_ascii=False))
    return Opened(times=len(before) + 1)


def _path(dataset: Dataset) -> Path:
    return cache_folder() / "ledger" / f"{key(dataset)[:32]}.jsonl"


def _read(line: str) -> Opening:
    try:
        return Opening(**json.loads(line))
    except (ValueError, TypeError):
        return Opening(
            when="", token="", why="a line that cannot be read", where="", pictures=0, data=""
        )


def _append(path: Path, line: str) -> None:
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            # What a crash cut off must not swallow this line.
            line = line if file.read(1) == b"\n" else "\n" + line
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
