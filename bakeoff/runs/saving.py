"""A fitted classifier on disk: a folder of JSON and safetensors. Reading it runs no code.

recipe.json          what was trained, with everything settled
classifier.json      how inputs are read, the classes, what happened; digests of the other two
weights.safetensors
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as bytes_from_tensors
from torch import Tensor

from bakeoff.data.cache import sync, sync_one, writing
from bakeoff.spec import codec
from bakeoff.spec.errors import DataError
from bakeoff.spec.recipe import Recipe
from bakeoff.version import __version__

__all__ = ["SCHEMA", "Saved", "read", "write"]

SCHEMA = 1
"""Version of the folder. Raised when an old one would be read differently."""

_FACTS = "classifier.json"
_RECIPE = "recipe.json"
_WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, kw_only=True, eq=False)
class Saved:
    """What a folder holds."""

    recipe: Recipe
    facts: dict[str, Any]
    """Whatever JSON can say."""

    tensors: dict[str, Tensor]


def write(path: Path, saved: Saved) -> None:
    """Make the folder `path`, whole or not at all. It must be new or empty."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in saved.tensors.items()}
    files = {
        _RECIPE: codec.dumps(saved.recipe).encode(),
        _WEIGHTS: bytes_from_tensors(plain),
    }
    facts = {
        "schema": SCHEMA,
        "bakeoff": __version__,
        **saved.facts,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files[_FACTS] = (
        json.dumps(facts, indent=2, ensure_ascii=False, default=_plain) + "\n"
    ).encode()
    with writing("the classifier", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and any(path.iterdir()):
            raise DataError(
                str(path), "holds something already", suggestion="Give another path, or remove it."
            )
        made = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.making")
        try:
            made.mkdir()
            for name, content in files.items():
                (made / name).write_bytes(content)
            sync(made)
            # On an empty folder this is allowed, and takes its place.
            made.rename(path)
            sync_one(path.parent)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def read(path: Path) -> Saved:
    """What `write` wrote, to the bit."""
    try:
        facts = json.loads(_bytes(path, _FACTS))
        schema, digests = facts["schema"], facts["sha256"]
        wanted = {name: digests[name] for name in (_RECIPE, _WEIGHTS)}
    except (ValueError, KeyError, TypeError):
        raise DataError(str(path / _FACTS), "is not what was written") from None
    if schema != SCHEMA:
        raise DataError(
            f"{path / _FACTS}: schema",
            f"must be {SCHEMA}, the version this Bakeoff reads",
            schema,
            "Use the Bakeoff that wrote it.",
        )
    files = {name: _bytes(path, name) for name in wanted}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != wanted[name]:
            raise DataError(str(path / name), "has other bytes than were written")
    return Saved(
        recipe=codec.loads(Recipe, files[_RECIPE].decode()),
        facts=facts,
        tensors=tensors_from_bytes(files[_WEIGHTS]),
    )


def _bytes(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            str(path), f"is not a folder with a saved classifier: {name} is missing"
        ) from None


def _plain(value: object) -> object:
    """NumPy's numbers, which grids of settings are made of."""
    assert isinstance(value, np.generic | np.ndarray), type(value)
    return value.tolist()
