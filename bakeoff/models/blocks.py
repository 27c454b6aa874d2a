"""A backbone's blocks, from input to output."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from bakeoff.models.catalogue import timm

__all__ = ["Block", "blocks", "still"]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Parameters that are frozen together, and learn at one rate."""

    name: str
    """Counted from the input: `block 1` is the stem."""

    parameters: tuple[str, ...]


def blocks(model: nn.Module) -> tuple[Block, ...]:
    """The blocks of a timm model: its stem first; the stages of a convolutional network, or the
    blocks of a transformer. A norm behind them all belongs to the last."""
    grouped = _by_pool(model) if hasattr(model, "pre_logits") else _by_timm(model)
    if len(grouped) > 1 and all(model.get_parameter(name).dim() == 1 for name in grouped[-1]):
        norm = grouped.pop()
        grouped[-1] += norm
    return tuple(
        Block(name=f"block {number}", parameters=tuple(names))
        for number, names in enumerate(grouped, start=1)
    )


def still(model: nn.Module) -> Iterator[nn.Module]:
    """The modules, as large as possible, that hold parameters and none that is trained."""
    parameters = list(model.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        yield model
        return
    for child in model.children():
        yield from still(child)


def _by_timm(model: Any) -> list[list[str]]:
    by_block = timm().models.group_parameters(model, model.group_matcher(coarse=True))
    return [list(by_block[block]) for block in sorted(by_block)]


def _by_pool(model: Any) -> list[list[str]]:
    """VGG: convolutions between two pools make a block; timm counts each layer alone."""
    pools = [i for i, layer in enumerate(model.features) if isinstance(layer, nn.MaxPool2d)]
    grouped: defaultdict[int, list[str]] = defaultdict(list)
    for name, _ in model.named_parameters():
        layer = int(name.split(".")[1])
        grouped[sum(pool < layer for pool in pools)].append(name)
    return [grouped[block] for block in sorted(grouped)]
