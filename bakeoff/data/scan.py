"""One look at every picture: is it whole, how large, what does it show in small.

Splits, duplicates and the audit all rest on this one pass. It is kept in the cache, keyed by what
the files say of themselves (path, size, time of change), so it runs once for a dataset.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bakeoff.data import machine
from bakeoff.data.cache import cache_folder, entry
from bakeoff.data.decode import VERSION, Limits, decode, fit, header
from bakeoff.data.listing import ArrayPictures, FilePictures, Pictures
from bakeoff.data.progress import Progress, silent
from bakeoff.spec.errors import PictureError
from bakeoff.spec.image import Preprocess

__all__ = ["THUMB", "Scan", "in_order", "scan", "workers"]

THUMB = 16
"""Side of a thumbnail, in pixels."""

_SMALL = Preprocess(size=THUMB, fit="stretch", interpolation="area")
_CHUNK = 4096

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What one pass over the pictures found, in their order."""

    digests: npt.NDArray[np.uint8]
    """N×16: BLAKE2b of a file's bytes, or of an array's pixels. Equal for equal pictures."""

    heights: npt.NDArray[np.int32]
    """In pixels, upright; 0 where the picture is broken."""

    widths: npt.NDArray[np.int32]
    """In pixels, upright; 0 where the picture is broken."""

    modes: tuple[str, ...]
    """Pillow's name of the pixel layout; empty where the picture is broken."""

    thumbs: npt.NDArray[np.uint8]
    """N×16×16×3: the whole picture, stretched."""

    reasons: dict[int, str]
    """Why a picture is broken, by its place; most are not."""

    def __len__(self) -> int:
        return len(self.digests)

    def take(self, indices: npt.NDArray[np.int64]) -> Scan:
        """The scan of some of the pictures, in the order given."""
        places = {int(old): new for new, old in enumerate(indices)}
        return Scan(
            digests=self.digests[indices],
            heights=self.heights[indices],
            widths=self.widths[indices],
            modes=tuple(self.modes[i] for i in indices),
            thumbs=self.thumbs[indices],
            reasons={places[i]: reason for i, reason in self.reasons.items() if i in places},
        )


def workers() -> int:
    """Processors this process may use."""
    return machine.look().cores


def in_order(
    work: Callable[[T], R], items: Iterable[T], *, group: int = 8, ahead: int = 8
) -> Iterator[R]:
    """`work` done on all processors at once, results in the order of `items`.

    Threads, since the decoder lets go of the interpreter. They take `group` items at a time, for
    handing over costs as much as a small picture, and only `ahead` groups wait to be taken.
    """

    def together(some: list[T]) -> list[R]:
        return [work(item) for item in some]

    rest = iter(items)
    groups = iter(lambda: list(islice(rest, group)), [])
    with ThreadPoolExecutor(workers()) as pool:
        waiting = deque(pool.submit(together, some) for some in islice(groups, ahead))
        try:
            while waiting:
                yield from waiting.popleft().result()
                waiting.extend(pool.submit(together, some) for some in islice(groups, 1))
        finally:
            for future in waiting:
                future.cancel()


def scan(pictures: Pictures, *, progress: Progress = silent) -> Scan:
    """Look at every picture once, or remember having done so."""
    if isinstance(pictures, ArrayPictures):
        return _scan_array(pictures)
    path = cache_folder() / "scans" / _fingerprint(pictures)
    with entry(path, "the scan") as made:
        if made is not None:
            _save(_scan_files(pictures, progress), made)
    return _load(path)


def _scan_array(pictures: ArrayPictures) -> Scan:
    # An array is at hand whole: no decoding, no cache, no progress worth telling.
    count, height, width = pictures.array.shape[:3]
    rows = [hashlib.blake2b(row, digest_size=16).digest() for row in _rows(pictures.array)]
    return Scan(
        digests=np.frombuffer(b"".join(rows), np.uint8).reshape(count, 16),
        heights=np.full(count, height, np.int32),
        widths=np.full(count, width, np.int32),
        modes=("RGB",) * count,
        thumbs=_thumbs(pictures.array),
        reasons={},
    )


def _rows(array: npt.NDArray[np.uint8]) -> Iterator[memoryview]:
    for start in range(0, len(array), _CHUNK):
        chunk = np.ascontiguousarray(array[start : start + _CHUNK])
        yield from (row.data for row in chunk.reshape(len(chunk), -1))


def _thumbs(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    count, height, width, channels = array.shape
    thumbs = np.empty((count, THUMB, THUMB, channels), np.uint8)
    down, across = height // THUMB, width // THUMB
    whole = down and across and height % THUMB == 0 and width % THUMB == 0
    for start in range(0, count, _CHUNK):
        part = array[start : start + _CHUNK]
        if whole:
            # The same mean as `fit` takes, for all pictures at once.
            cells = part.reshape(len(part), THUMB, down, THUMB, across, channels)
            total = cells.sum(axis=(2, 4), dtype=np.uint32)
            half = down * across // 2
            thumbs[start : start + len(part)] = (total + half) // (down * across)
        else:
            thumbs[start : start + len(part)] = [fit(picture, _SMALL) for picture in part]
    return thumbs


@dataclass(frozen=True, slots=True)
class _Look:
    digest: bytes
    size: tuple[int, int]
    mode: str
    thumb: npt.NDArray[np.uint8]
    reason: str


def _look(item: tuple[str, Path]) -> _Look:
    name, path = item
    digest = bytes(16)
    try:
        content = _read(path, name)
        digest = hashlib.blake2b(content, digest_size=16).digest()
        known = header(content, name=name, limits=Limits())
        thumb = decode(content, _SMALL, name=name)
    except PictureError as error:
        blank = np.zeros((THUMB, THUMB, 3), np.uint8)
        return _Look(digest, (0, 0), "", blank, error.rule)
    return _Look(digest, (known.height, known.width), known.mode, thumb, "")


def _read(path: Path, name: str) -> bytes:
    try:
        # Before it is opened: a pipe would have us wait for somebody to write into it.
        kind = path.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            raise PictureError(name, "is a pipe or a device, not a file")
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError(name, "is missing") from None
    except OSError as error:
        raise PictureError(name, f"cannot be read ({error.strerror})") from None


def _scan_files(pictures: FilePictures, progress: Progress) -> Scan:
    count = len(pictures)
    digests, sizes = bytearray(), np.zeros((count, 2), np.int32)
    thumbs = np.zeros((count, THUMB, THUMB, 3), np.uint8)
    modes, reasons = [], {}
    items = ((pictures.name(i), pictures.path(i)) for i in range(count))
    progress("looking", 0, count)
    for index, look in enumerate(in_order(_look, items)):
        digests += look.digest
        sizes[index], thumbs[index] = look.size, look.thumb
        modes.append(look.mode)
        if look.reason:
            reasons[index] = look.reason
        progress("looking", index + 1, count)
    return Scan(
        digests=np.frombuffer(bytes(digests), np.uint8).reshape(count, 16),
        heights=sizes[:, 0].copy(),
        widths=sizes[:, 1].copy(),
        modes=tuple(modes),
        thumbs=thumbs,
        reasons=reasons,
    )


def _fingerprint(pictures: FilePictures) -> str:
    """Changes when a file is added, taken away or written to."""
    told = hashlib.blake2b(f"{VERSION} {THUMB} {pictures.root.resolve()}".encode(), digest_size=16)
    for index in range(len(pictures)):
        try:
            status = pictures.path(index).stat()
            # Tools may set the time of writing back (`cp -p`, `rsync -t`), but not that of change.
            times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
            told.update(f"\0{pictures.name(index)}\0{status.st_size} {times}".encode())
        except OSError:
            told.update(f"\0{pictures.name(index)}\0missing".encode())
    return told.hexdigest()


def _save(scan: Scan, folder: Path) -> None:
    np.savez(
        folder / "scan.npz",
        digests=scan.digests,
        heights=scan.heights,
        widths=scan.widths,
        modes=np.array(scan.modes),
        thumbs=scan.thumbs,
    )
    (folder / "broken.json").write_text(json.dumps(scan.reasons), encoding="utf-8")


def _load(folder: Path) -> Scan:
    with np.load(folder / "scan.npz", allow_pickle=False) as saved:
        arrays = {name: saved[name] for name in saved.files}
    modes = tuple(arrays.pop("modes").tolist())
    reasons = json.loads((folder / "broken.json").read_text(encoding="utf-8"))
    return Scan(modes=modes, reasons={int(key): text for key, text in reasons.items()}, **arrays)
