"""The state of every generator of random numbers, saved and restored bit by bit.

The engine's own draws are hashes of seed and place and need none of it; dropout, and whatever
else asks a global generator, does.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bakeoff.training.team import Team

__all__ = ["capture", "gathered", "own", "restore", "seed"]


def seed(number: int) -> None:
    """Start all generators from `number`."""
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)


def capture() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The present state: tensors by name, and what JSON can say."""
    version, words, python_spare = random.getstate()
    numpy = np.random.get_state(legacy=False)
    assert isinstance(numpy, dict)
    tensors = {
        "python": torch.tensor(words, dtype=torch.int64),
        "numpy": torch.from_numpy(numpy["state"]["key"].astype(np.int64)),
        "torch": torch.get_rng_state(),
    }
    # On a machine with GPUs that this process leaves alone, to ask one would wake it.
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        for number in range(torch.cuda.device_count()):
            tensors[f"cuda{number}"] = torch.cuda.get_rng_state(number)
    scalars = {
        "python": [version, python_spare],
        "numpy": [int(numpy["state"]["pos"]), int(numpy["has_gauss"]), float(numpy["gauss"])],
    }
    return tensors, scalars


def restore(tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
    """Put all generators back to what was captured."""
    version, python_spare = scalars["python"]
    random.setstate((version, tuple(tensors["python"].tolist()), python_spare))
    place, has_spare, spare = scalars["numpy"]
    key = tensors["numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", key, place, has_spare, spare))
    torch.set_rng_state(tensors["torch"])
    for name, state in tensors.items():
        number = name.removeprefix("cuda")
        if number != name and int(number) < torch.cuda.device_count():
            torch.cuda.set_rng_state(state, int(number))


def gathered(tensors: Mapping[str, Tensor], team: Team) -> dict[str, Tensor]:
    """What all processes captured, whose dropouts differ; in every process."""
    found = {name: team.gather(held) for name, held in tensors.items()}
    return {
        f"{rank}/{name}": held
        for name, everyones in found.items()
        for rank, held in enumerate(everyones)
    }


def own(everyones: Mapping[str, Tensor], team: Team) -> dict[str, Tensor]:
    """This process's part of what was gathered."""
    ranks = {name.partition("/")[0] for name in everyones}
    # In a larger team than before the new ones draw as the leader does.
    mine = str(team.rank) if str(team.rank) in ranks else "0"
    return {
        name.partition("/")[2]: held
        for name, held in everyones.items()
        if name.partition("/")[0] == mine
    }
