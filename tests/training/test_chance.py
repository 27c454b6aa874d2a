"""Generators of random numbers, saved and restored."""

from __future__ import annotations

import json
import random

import numpy as np
import torch

from bakeoff.training.chance import capture, gathered, own, restore, seed
from bakeoff.training.team import Team


def draws() -> list[object]:
    """Some of everything, normal numbers in pairs among them."""
    return [
        random.random(),
        random.gauss(0, 1),
        np.random.random(),
        np.random.standard_normal(),
        torch.rand(3).tolist(),
        torch.randn(3).tolist(),
        torch.dropout(torch.ones(20), 0.5, train=True).tolist(),
    ]


def test_restored_generators_draw_the_same() -> None:
    """From the captured state on all draws repeat, also in the middle of a pair of normals."""
    seed(3)
    draws()
    tensors, scalars = capture()
    wanted = draws() + draws()
    seed(4)
    draws()
    restore(tensors, json.loads(json.dumps(scalars)))
    assert draws() + draws() == wanted


def test_a_seed_starts_all_of_them() -> None:
    """The same number gives the same draws, another gives others."""
    seed(2**40 + 1)
    first = draws()
    seed(2**40 + 1)
    assert draws() == first
    seed(5)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_each_process_gets_its_own_back() -> None:
    """Alone, what was gathered is what was captured; in a team each finds its own, and one that is
    new draws as the leader does."""
    alone = {"torch": torch.tensor([1]), "numpy": torch.tensor([2])}
    assert own(gathered(alone, Team()), Team()) == alone
    everyones = {"0/torch": torch.tensor([1]), "1/torch": torch.tensor([5])}
    found = [own(everyones, Team(rank=rank, world=3))["torch"].item() for rank in range(3)]
    assert found == [1, 5, 1]
