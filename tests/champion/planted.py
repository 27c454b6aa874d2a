"""Noise in which a coloured square says the class, and small networks that learn to find it."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from bakeoff.champion.engine import Outputs
from bakeoff.models.classifier import Classifier, assemble, initialise
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import (
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    MaxPool,
    Network,
    Row,
    Whiten,
)

__all__ = ["SIDE", "TABLES", "answers", "found", "learnt", "planted", "untrained"]

Pixels = npt.NDArray[np.uint8]
SIDE, SQUARE, SLACK = 32, 6, 3
PREPROCESS = Preprocess(size=SIDE, mean=(0.5, 0.5, 0.5), std=(0.29, 0.29, 0.29))

_NORM = BatchNorm(activation="relu")

TABLES: dict[str, tuple[Row, ...]] = {
    "mean": (
        Conv(width=16, activation="relu"),
        MaxPool(),
        Conv(width=32, activation="relu"),
        GlobalPool(),
        Classes(),
    ),
    "dense": (
        Conv(width=16, activation="relu"),
        MaxPool(),
        Conv(width=24, activation="relu"),
        MaxPool(),
        Flatten(),
        Dense(width=32, activation="relu"),
        Classes(),
    ),
    # As the recipe `speed` does: its last map has three places a side.
    "maximum": (
        Whiten(activation="gelu"),
        Conv(width=16, bias=False),
        MaxPool(),
        _NORM,
        Conv(width=24, bias=False),
        MaxPool(),
        _NORM,
        Conv(width=24, bias=False),
        MaxPool(),
        _NORM,
        GlobalPool(mode="max"),
        Classes(),
    ),
}


def planted(count: int, seed: int) -> tuple[Pixels, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pictures, their classes, and the upper left corners of what says so."""
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    labels = random.integers(0, 3, count)
    corners = random.integers(0, SIDE - SQUARE + 1, (count, 2))
    for picture, label, (top, left) in zip(pictures, labels, corners, strict=True):
        colour = np.full(3, 40)
        colour[label] = 230
        picture[top : top + SQUARE, left : left + SQUARE] = colour
    return pictures, labels, corners


def untrained(table: str, seed: int = 0) -> Classifier:
    """A network that knows nothing."""
    network = assemble(Network(rows=TABLES[table]), PREPROCESS, classes=3, seed=seed)
    return network.eval().requires_grad_(False)


@cache
def learnt(table: str) -> Classifier:
    """A network that tells the classes apart."""
    network = untrained(table).requires_grad_(True).train()
    shown, labels, _ = planted(1000, 0)
    pictures, targets = torch.from_numpy(shown), torch.from_numpy(labels)
    initialise(network, pictures[:500])
    optimiser = torch.optim.Adam(network.parameters(), 4e-3)
    order = torch.Generator().manual_seed(0)
    for _ in range(5):
        for batch in torch.randperm(len(shown), generator=order).view(-1, 50):
            optimiser.zero_grad()
            loss = functional.cross_entropy(network(pictures[batch]), targets[batch])
            torch.autograd.backward(loss)
            optimiser.step()
    return network.eval().requires_grad_(False)


def answers(network: Classifier, pictures: Pixels) -> Outputs:
    """What the network says, as an engine gives it."""
    with torch.inference_mode():
        scores = network(torch.from_numpy(pictures))
        probabilities = torch.softmax(scores, 1)
    return Outputs(probabilities=probabilities.numpy(), scores=scores.numpy(), features=None)


def found(heats: npt.NDArray[np.float32], corners: npt.NDArray[np.int64]) -> float:
    """Share of maps whose highest point lies in the square, or near its edge."""
    inside = []
    for heat, corner in zip(heats, corners, strict=True):
        peak = np.array(np.unravel_index(heat.argmax(), heat.shape))
        near = (peak >= corner - SLACK).all() and (peak < corner + SQUARE + SLACK).all()
        inside.append(bool(near) and heat.max() > 0)
    return float(np.mean(inside))
