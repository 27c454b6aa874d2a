"""What made-up contenders cost, and how they were made."""

from __future__ import annotations

from typing import Any


def cost(place: int, network: bool) -> dict[str, Any]:
    """What a made-up contender costs."""
    latency = 0.045 / (place + 1) ** 1.3
    return {
        "parameters": int(25e6 / (place + 1) ** 2) if network else 650,
        "flops": int(4e9 / (place + 1) ** 2) if network else None,
        "bytes": int(98e6 / (place + 1) ** 2) if network else 30_000,
        "latency": latency if network else 0.0002 * (place + 1),
        "throughput": 4 / latency,
        "training": 20.0 + 15 * place,
        "cold_start": 1.4 + 0.1 * place,
    }


def shape(place: int, network: bool) -> dict[str, Any]:
    """How it was made."""
    return {
        "family": "networks from scratch" if network else "classical",
        "layers": 50 - 4 * place if network else None,
        "dense_layers": 1 + place % 2 if network else None,
        "epochs": 8.0 if network else None,
        "augmentation": "flips, crops" if network and place % 2 == 0 else False,
        "batch_norm": network and place % 3 == 0,
        "dropout": network and place % 2 == 1,
        "optimiser": "AdamW" if network else None,
        "loss": "cross-entropy" if network else "squared error",
        "comment": "the largest" if place == 0 else "",
    }
