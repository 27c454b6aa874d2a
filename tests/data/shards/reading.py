"""How tests read shards, and what they see of it."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from bakeoff.data.batches import Batches
from bakeoff.data.shards import Shards, opened
from bakeoff.spec.errors import UserError
from tests.data.test_batches import RICH

__all__ = ["fetched", "in_memory", "refused", "spoilt", "training"]

pytest.importorskip("fsspec")
torch.set_num_threads(1)


def training(shards: Shards, **fields: Any) -> Batches:
    """Batches of the training part, shuffled and changed at random, but for what is named."""
    plain: dict[str, Any] = {
        "images": shards,
        "labels": shards.labels,
        "indices": shards.part("train"),
        "part": "train",
        "classes": 10,
        "batch": 32,
        "seed": 5,
        "augment": RICH,
        "shuffle": True,
        "drop_last": True,
    }
    return Batches(**(plain | fields))


def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of shards, as they are fetched from now on."""
    found: list[int] = []
    fetch = Shards._fetched

    def watched(self: Shards, number: int) -> Any:
        found.append(number)
        return fetch(self, number)

    monkeypatch.setattr(Shards, "_fetched", watched)
    return found


def in_memory(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many shards are held at each step from now on."""
    found: list[int] = []
    made: list[weakref.ref[Any]] = []
    fetch, gather = Shards._fetched, Shards._gathered

    def noted(self: Shards, number: int) -> Any:
        pictures = fetch(self, number)
        made.append(weakref.ref(pictures))
        return pictures

    def counted(self: Shards, rows: Any, held: Any) -> Any:
        found.append(sum(one() is not None for one in made))
        return gather(self, rows, held)

    monkeypatch.setattr(Shards, "_fetched", noted)
    monkeypatch.setattr(Shards, "_gathered", counted)
    return found


def refused(url: str) -> str:
    """What is said of shards that cannot be opened, or read to their end."""
    with pytest.raises(UserError) as caught:
        shards = opened(url)
        list(training(shards).epoch(0))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def spoilt(path: Path) -> None:
    """One bit of a file turned over."""
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
