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
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from bakeoff.data.batches import Batches
from bakeoff.data.cache import cache_folder, entry
from bakeoff.data.progress import Progress, silent
from bakeoff.spec import codec
from bakeoff.spec.errors import CacheError, SpecError
from bakeoff.spec.image import Augment
from bakeoff.training.proving import Proof, Ways

__all__ = ["Features", "are_kept", "extract", "weights_digest"]

_VERSION = 2
_SAVED_EVERY = 2048
"""Pictures after which what there is would survive a crash."""
_FILE = "features.npy"
_FACTS = "facts.json"


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
    ways: Ways,
    batches: Batches,
    *,
    network: str,
    pictures: str,
    views: int = 1,
    progress: Progress = silent,
) -> Features:
    """Features of the pictures of `batches`, from the cache or computed now.

    `network` is the digest of the weights with all that is done to a picture before them,
    `pictures` that of the pack. The ways are proved when the first view is computed.
    """
    assert not batches.shuffle, "features are kept in the part's order"
    assert not batches.drop_last, "every picture has features"
    assert batches.world == 1, "one process extracts"
    if batches.augment.mixup or batches.augment.cutmix:
        raise SpecError(
            "Augment.mixup and .cutmix",
            "must be 0 in a stage that trains the head only",
            suggestion="Features are computed once per picture: mix in a stage that trains more.",
        )
    digest = _digest(ways, batches, network, pictures)
    found, reasons, computed = [], [], 0
    for view in range(views):
        path = _place(digest, view)
        with entry(path, "the features") as made:
            if made is not None:
                task = "extracting features" + (f", view {view + 1}" if views > 1 else "")
                _make(path, made, ways.proof, batches, view, partial(progress, task))
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
    ways: Ways,
    batches: Batches,
    *,
    network: str,
    pictures: str,
    views: int = 1,
) -> bool:
    """Whether `extract` with the same arguments would find all it wants in the cache."""
    digest = _digest(ways, batches, network, pictures)
    return all((_place(digest, view) / _FILE).exists() for view in range(views))


def _place(digest: str, view: int) -> Path:
    return cache_folder() / "features" / f"{digest[:32]}-{view}"


def _digest(ways: Ways, batches: Batches, network: str, pictures: str) -> str:
    told = hashlib.sha256(f"features {_VERSION} {network} {pictures} {ways.key}".encode())
    # The size of a batch is not part of it: it moves only the last bits.
    told.update(f" {codec.digest(batches.augment)}".encode())
    if batches.augment != Augment():
        told.update(f" seed {batches.seed}".encode())
    told.update(np.ascontiguousarray(batches.indices, dtype="<i8").tobytes())
    return told.hexdigest()


def _make(
    path: Path,
    made: Path,
    proof: Proof,
    batches: Batches,
    view: int,
    tell: Callable[[int, int], None],
) -> None:
    """Fill the entry `made`, going on from what an attempt that was cut short got done."""
    part = path.with_name(f".{path.name}.part")
    part.mkdir(exist_ok=True)
    shape = (len(batches), *proof.shape)
    plan = {"way": proof.name, "batch": batches.batch, "shape": list(shape)}
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
    proof: Proof, batches: Batches, view: int, start: int
) -> Iterator[npt.NDArray[np.floating[Any]]]:
    """Features batch by batch, from batch `start` on."""
    with closing(batches.epoch(view, start)) as epoch:
        for batch in epoch:
            # Not around the loop: the mode would leak to whoever consumes.
            with torch.inference_mode():
                values = proof.function(batch.images).float().cpu().numpy()
            with np.errstate(over="ignore"):  # looked for below
                kept = np.ascontiguousarray(values.astype(proof.dtype))
            if not np.isfinite(kept).all():
                raise SpecError(
                    f"features by {proof.name}",
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
