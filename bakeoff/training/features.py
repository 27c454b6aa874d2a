"""What a frozen backbone makes of each picture: computed once, kept on disk.

Features are those of the pictures of one part, in the part's order. With augmentation there are
several views of each picture, one per epoch of the batches; each view is an entry of its own in
the cache, so that more of them can be added later.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bakeoff.data.batches import Batches
from bakeoff.data.cache import cache_folder, entry
from bakeoff.data.progress import Progress, silent
from bakeoff.spec import codec
from bakeoff.spec.errors import CacheError, SpecError
from bakeoff.spec.image import Augment

__all__ = ["TOLERANCE", "Features", "Way", "are_kept", "extract", "weights_digest"]

TOLERANCE = 0.1
"""How far a picture's features may lie from the reference, as a share of their length. Those of
bf16 lie at up to 0.07 (a mobile network with real weights, 4,000 pictures), and a linear head on
them is as accurate; those of another preprocessing lie at 0.7."""

_VERSION = 1
_SAMPLE = 64
_SMALL = 1000.0
_SAVED_EVERY = 2048
"""Pictures after which what there is would survive a crash."""
_FILE = "features.npy"
_FACTS = "facts.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to compute the features, such as in bf16 or by another engine."""

    name: str
    function: Callable[[Tensor], Tensor]
    """uint8 B×H×W×3 on the batches' device → B×features, or B×channels×height×width."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """Features of one part's pictures."""

    views: tuple[npt.NDArray[np.floating[Any]], ...]
    """One array per view, memory-mapped and read-only: pictures × features."""

    digest: str
    """Of all that they depend on."""

    reasons: tuple[str, ...]
    """How each view was computed, in sentences to print."""

    computed: int
    """How many views were not there yet."""


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of all parameters and buffers that are saved, with their names."""
    told = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        plain = tensor.detach().cpu().contiguous()
        told.update(f"{name} {plain.dtype} {tuple(plain.shape)}\0".encode())
        told.update(plain.reshape(-1).view(torch.uint8).numpy())
    return told.hexdigest()


def extract(
    ways: Sequence[Way],
    batches: Batches,
    *,
    network: str,
    pictures: str,
    views: int = 1,
    tolerance: float = TOLERANCE,
    progress: Progress = silent,
) -> Features:
    """Features of the pictures of `batches`, from the cache or computed now.

    `ways` are in order of preference; the last is the reference, fp32. The first whose features of
    a sample lie within `tolerance` of the reference's is used: the order decides and not a race,
    so that the same features come out again. `network` is the digest of the weights with all that
    is done to a picture before them, `pictures` that of the pack.
    """
    assert ways, "no way to compute features"
    assert not batches.shuffle, "features are kept in the part's order"
    assert not batches.drop_last, "every picture has features"
    assert batches.world == 1, "one process extracts"
    if batches.augment.mixup or batches.augment.cutmix:
        raise SpecError(
            "Augment.mixup and .cutmix",
            "must be 0 in a stage that trains the head only",
            suggestion="Features are computed once per picture: mix in a stage that trains more.",
        )
    digest = _digest(ways, batches, network, pictures, tolerance)
    proof: _Proof | None = None
    found, reasons, computed = [], [], 0
    for view in range(views):
        path = _place(digest, view)
        with entry(path, "the features") as made:
            if made is not None:
                proof = proof or _prove(ways, batches, tolerance)
                task = "extracting features" + (f", view {view + 1}" if views > 1 else "")
                _make(path, made, proof, batches, view, partial(progress, task))
                computed += 1
        found.append(_open(path / _FILE))
        reasons.append(str(json.loads((path / _FACTS).read_text())["reason"]))
    return Features(
        views=tuple(found),
        digest=digest,
        reasons=tuple(dict.fromkeys(reasons)),
        computed=computed,
    )


def are_kept(
    ways: Sequence[Way],
    batches: Batches,
    *,
    network: str,
    pictures: str,
    views: int = 1,
    tolerance: float = TOLERANCE,
) -> bool:
    """Whether `extract` with the same arguments would find all it wants in the cache."""
    digest = _digest(ways, batches, network, pictures, tolerance)
    return all((_place(digest, view) / _FILE).exists() for view in range(views))


def _place(digest: str, view: int) -> Path:
    return cache_folder() / "features" / f"{digest[:32]}-{view}"


def _digest(
    ways: Sequence[Way], batches: Batches, network: str, pictures: str, tolerance: float
) -> str:
    names = [way.name for way in ways]
    told = hashlib.sha256(f"features {_VERSION} {network} {pictures} {names}".encode())
    # The size of a batch is not part of it: it moves only the last bits.
    told.update(f" {codec.digest(batches.augment)} {tolerance}".encode())
    if batches.augment != Augment():
        told.update(f" seed {batches.seed}".encode())
    told.update(np.ascontiguousarray(batches.indices, dtype="<i8").tobytes())
    return told.hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Proof:
    """Which way is used, and why it may be."""

    way: Way
    reason: str
    shape: tuple[int, ...]
    """Of one picture's features."""
    dtype: np.dtype[Any]


@torch.inference_mode()
def _prove(ways: Sequence[Way], batches: Batches, tolerance: float) -> _Proof:
    """Take the first way that agrees with the last on a sample."""
    *fast, reference = ways
    with closing(batches.epoch(0)) as first:
        sample = next(first).images[:_SAMPLE]
    wanted, slow = _timed(reference, sample)
    # Where there is room to spare, fp16 holds all that bf16 can tell apart.
    small = float(wanted.abs().max()) < _SMALL
    dtype = np.dtype(np.float16 if small else np.float32)
    shape = tuple(wanted.shape[1:])
    refused = ""
    for way in fast:
        got, took = _timed(way, sample)
        if (off := _distance(got, wanted)) <= tolerance:
            reason = (
                f"Features by {way.name}: at most {off:.2%} from {reference.name} on "
                f"{len(sample)} pictures ({tolerance:.0%} is allowed), "
                f"{slow / took:.1f} times as fast.{refused}"
            )
            return _Proof(way=way, reason=reason, shape=shape, dtype=dtype)
        refused += f" Not by {way.name}: up to {off:.1%} off."
    reason = f"Features by {reference.name}.{refused}"
    return _Proof(way=reference, reason=reason, shape=shape, dtype=dtype)


def _timed(way: Way, sample: Tensor) -> tuple[Tensor, float]:
    # The first call also sets up kernels; its time says nothing.
    way.function(sample)
    begun = time.perf_counter()
    got = way.function(sample).float().cpu()
    return got, time.perf_counter() - begun


def _distance(got: Tensor, wanted: Tensor) -> float:
    """The largest distance of a picture's features, as a share of their length."""
    if got.shape != wanted.shape or not bool(torch.isfinite(got).all()):
        return float("inf")
    lengths = torch.linalg.vector_norm(wanted.flatten(1), dim=1).clamp(min=1e-6)
    return float((torch.linalg.vector_norm((got - wanted).flatten(1), dim=1) / lengths).max())


def _make(
    path: Path,
    made: Path,
    proof: _Proof,
    batches: Batches,
    view: int,
    tell: Callable[[int, int], None],
) -> None:
    """Fill the entry `made`, going on from what an attempt that was cut short got done."""
    part = path.with_name(f".{path.name}.part")
    part.mkdir(exist_ok=True)
    shape = (len(batches), *proof.shape)
    plan = {"way": proof.way.name, "batch": batches.batch, "shape": list(shape)}
    plan["dtype"] = proof.dtype.str
    done = saved = _done_before(part, plan)
    tell(done, len(batches))
    with (part / _FILE).open("r+b" if done else "wb") as file:
        kind = {"descr": proof.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, kind)
        file.seek(done * math.prod(proof.shape) * proof.dtype.itemsize, os.SEEK_CUR)
        for values in _values(proof, batches, view, done // batches.batch):
            file.write(values.data)
            done += len(values)
            tell(done, len(batches))
            if done - saved >= _SAVED_EVERY and done < len(batches):
                file.flush()
                os.fsync(file.fileno())
                (part / _FACTS).write_text(json.dumps({**plan, "done": done}))
                saved = done
    (part / _FILE).rename(made / _FILE)
    (made / _FACTS).write_text(json.dumps({**plan, "reason": proof.reason}))
    shutil.rmtree(part)


def _done_before(part: Path, plan: dict[str, Any]) -> int:
    """How many pictures an attempt under the same plan got done."""
    try:
        left = json.loads((part / _FACTS).read_text())
    except (OSError, ValueError):
        return 0
    done = int(left.pop("done", 0))
    return done if left == plan and (part / _FILE).exists() else 0


def _values(
    proof: _Proof, batches: Batches, view: int, start: int
) -> Iterator[npt.NDArray[np.floating[Any]]]:
    """Features batch by batch, from batch `start` on."""
    with closing(batches.epoch(view, start)) as epoch:
        for batch in epoch:
            # Not around the loop: the mode would leak to whoever consumes.
            with torch.inference_mode():
                values = proof.way.function(batch.images).float().cpu().numpy()
            with np.errstate(over="ignore"):  # looked for below
                kept = np.ascontiguousarray(values.astype(proof.dtype))
            if not np.isfinite(kept).all():
                raise SpecError(
                    f"features by {proof.way.name}",
                    "must be finite numbers, and some are not",
                    suggestion="The weights are broken, or need full precision.",
                )
            yield kept


def _open(path: Path) -> npt.NDArray[np.floating[Any]]:
    try:
        features: npt.NDArray[np.floating[Any]] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        rule = f"is damaged ({error})"
        raise CacheError(
            str(path), rule, suggestion="Delete its folder; it is made again."
        ) from None
    return features
