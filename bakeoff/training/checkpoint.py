"""All that a loop needs to go on, as one value; on disk whole or not at all.

A checkpoint is a folder, `step-000000420`: one safetensors file per kind of tensor, `scalars.json`,
and `manifest.json` with the size and SHA-256 of each. It is written under another name, fsynced
and renamed. The one before stays, so that there is one to go back to should the disk lose a bit.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as bytes_from_tensors
from torch import Tensor

from bakeoff.data.cache import sync_one
from bakeoff.spec.errors import CheckpointError
from bakeoff.training.team import Team

__all__ = ["Loaded", "LoopState", "checkpoints", "handed", "load", "load_newest", "save"]

SCHEMA = 1
_NAME = re.compile(r"step-(\d{9})")
_MANIFEST = "manifest.json"
_SCALARS = "scalars.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopState:
    """Everything the next step depends on."""

    step: int
    """Steps done, over all stages."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    """By kind (weights, optimiser, averages, random, …: one file each) and name."""

    scalars: Mapping[str, Any]
    """All the rest: what JSON can say, without NaN."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A checkpoint that was found whole."""

    state: LoopState
    path: Path

    refused: tuple[str, ...]
    """What is wrong with newer ones that were passed over; to be printed."""


def save(folder: Path, state: LoopState, *, keep: int = 2) -> Path:
    """Write `state` into `folder`, and then remove all but it and the newest older ones, `keep`
    in all. Those of later steps are of a life that was given up, and go too.

    Whatever goes wrong, those that were there before stay as they were.
    """
    assert keep >= 1, keep
    path = folder / f"step-{state.step:09d}"
    made = folder / f".{path.name}.{uuid.uuid4().hex[:8]}.making"
    try:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(folder)
            made.mkdir()
            _write(made, state)
            _put(made, path)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    there = checkpoints(folder)
    kept = there[there.index(path) :][:keep]
    for other in there:
        if other not in kept:
            _remove(other)
    return path


def load_newest(folder: Path) -> Loaded | None:
    """The newest checkpoint in `folder` that is whole; None if there is none at all.

    If there are some and none is whole, a `CheckpointError` says what is wrong with each.
    """
    refused: list[str] = []
    for path in checkpoints(folder):
        try:
            return Loaded(state=load(path), path=path, refused=tuple(refused))
        except CheckpointError as error:
            refused.append(str(error))
    if refused:
        raise CheckpointError(
            f"every checkpoint in {folder}",
            "is damaged: " + " ".join(refused),
            suggestion="Delete the folder and start again.",
        )
    return None


def load(path: Path) -> LoopState:
    """The checkpoint at `path`, every byte of it verified."""
    manifest = _manifest(path)
    found: dict[str, bytes] = {}
    for name, facts in manifest["files"].items():
        found[name] = data = _read(path / name)
        if len(data) != facts["bytes"]:
            raise _damaged(path / name, f"should hold {facts['bytes']} bytes", len(data))
        if hashlib.sha256(data).hexdigest() != facts["sha256"]:
            raise _damaged(path / name, "has other bytes than were written")
    scalars = json.loads(found.pop(_SCALARS))
    tensors = {Path(name).stem: tensors_from_bytes(data) for name, data in found.items()}
    return LoopState(step=manifest["step"], tensors=tensors, scalars=scalars)


def handed(state: LoopState | None, team: Team) -> LoopState | None:
    """The state that the leader has, in every process: on another machine the folder may show an
    older one, or none."""
    if team.world == 1:
        return state
    told = team.tell(None if state is None else _outline(state))
    if told is None:
        return None
    tensors = {} if state is None else state.tensors
    if not team.leads:
        tensors = {
            kind: {name: _room(*facts) for name, facts in held.items()}
            for kind, held in told["tensors"].items()
        }
    every = [tensor for held in tensors.values() for tensor in held.values()]
    # As bytes: not every line knows every type.
    team.share(tensor.view(-1).view(torch.uint8) for tensor in every if tensor.numel())
    return LoopState(step=told["step"], tensors=tensors, scalars=told["scalars"])


def _outline(state: LoopState) -> dict[str, Any]:
    """All but the numbers in the tensors."""
    tensors = {
        kind: {name: (list(one.shape), str(one.dtype)) for name, one in held.items()}
        for kind, held in state.tensors.items()
    }
    return {"step": state.step, "scalars": state.scalars, "tensors": tensors}


def _room(shape: list[int], dtype: str) -> Tensor:
    return torch.empty(shape, dtype=getattr(torch, dtype.removeprefix("torch.")))


def checkpoints(folder: Path) -> list[Path]:
    """Those in `folder`, newest first, whole or not."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(found, reverse=True)


def _write(made: Path, state: LoopState) -> None:
    files = {_SCALARS: json.dumps(state.scalars, allow_nan=False).encode()}
    facts = {}
    for kind, tensors in state.tensors.items():
        assert re.fullmatch(r"[a-z_]+", kind), kind
        files[f"{kind}.safetensors"] = bytes_from_tensors(_plain(tensors))
    for name, data in files.items():
        # Of what was meant, not of what the disk made of it.
        facts[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        _write_one(made / name, data)
    inner = {"schema": SCHEMA, "step": state.step, "files": facts}
    manifest = {**inner, "sha256": _digest(inner)}
    _write_one(made / _MANIFEST, json.dumps(manifest, indent=1).encode())
    sync_one(made)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU in plain order, none sharing memory with another."""
    return {
        name: torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
        for name, tensor in tensors.items()
    }


def _write_one(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _put(made: Path, path: Path) -> None:
    """Rename into place. The same step written again, after going back, replaces the first."""
    aside = made.with_suffix(".aside")
    if path.exists():
        path.rename(aside)
    try:
        made.rename(path)
        sync_one(path.parent)
    except OSError:
        if aside.exists() and not path.exists():
            aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _remove(path: Path) -> None:
    """Under another name first: one that is half removed must not look like one that is there."""
    with suppress(OSError):
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.aside")
        path.rename(aside)
        shutil.rmtree(aside)


def _remove_abandoned(folder: Path) -> None:
    # A run has one writer: whoever left these is gone.
    for left in folder.glob(".step-*"):
        shutil.rmtree(left, ignore_errors=True)


def _manifest(path: Path) -> dict[str, Any]:
    file = path / _MANIFEST
    data = _read(file)
    try:
        manifest = json.loads(data)
        told = manifest.pop("sha256")
        schema = manifest["schema"]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _damaged(file, "is not what was written") from None
    if told != _digest(manifest):
        raise _damaged(file, "has other bytes than were written")
    if schema != SCHEMA:
        raise CheckpointError(
            f"{file}: schema",
            f"must be {SCHEMA}, the version this Bakeoff reads",
            schema,
            "Go on with the Bakeoff that wrote it, or start again.",
        )
    assert isinstance(manifest, dict)
    return manifest


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _damaged(path, "is missing") from None
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from error


def _damaged(path: Path, rule: str, value: object = None) -> CheckpointError:
    return CheckpointError(str(path), rule, value, "This checkpoint is not used.")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """The system's refusals as `CheckpointError`s."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            rule = "cannot be written: the disk is full"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            rule = "cannot be written: no permission, or a read-only disk"
        else:
            rule = f"cannot be written ({error.strerror or error})"
        raise CheckpointError(
            f"the checkpoint in {folder}",
            rule,
            suggestion="The last one before it is intact: mend this, and go on with --resume.",
        ) from error
