"""Where a transformer looks when it says a class: attention weighed by gradients, layer by layer.

Attention alone is the same whatever class is asked for. Weighed by the gradient of the class's
score, with what speaks against it left out, and followed from the last layer to the first, it says
how much of each patch reaches the answer (Chefer et al., 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from threading import Lock, get_ident
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.models.classifier import Classifier

__all__ = ["has_tokens", "relevance"]


_turn = Lock()


def has_tokens(classifier: Classifier) -> bool:
    """Whether the backbone is a transformer whose attention can be looked at."""
    if classifier.backbone is None:
        return False
    model: Any = classifier.backbone.model
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    if grid is None or not hasattr(model, "num_prefix_tokens"):
        return False
    seen: list[Tensor] = []
    side = classifier.size
    with torch.no_grad(), _spelt_out(model, seen):
        classifier.backbone(torch.zeros(1, 3, side, side, device=classifier.factor.device))
    # Some attend among channels, or in windows.
    count = model.num_prefix_tokens + prod(grid)
    return bool(seen) and all(one.shape[2:] == (count, count) for one in seen)


def relevance(classifier: Classifier, planes: Tensor, places: Sequence[int]) -> Tensor:
    """How much each patch of normalised pictures speaks for one class of each: B×h×w."""
    backbone = classifier.backbone
    assert backbone is not None
    model: Any = backbone.model
    seen: list[Tensor] = []
    with torch.enable_grad(), _spelt_out(model, seen):
        # Parameters are frozen: without it nothing would be followed back.
        scores = classifier.head(backbone(planes.detach().requires_grad_()))
        told = scores[range(len(places)), list(places)].sum()
        slopes = torch.autograd.grad(told, seen)
    count = seen[0].shape[-1]
    flow = torch.eye(count, device=planes.device).expand(len(places), count, count)
    with torch.no_grad():
        for weights, slope in zip(seen, slopes, strict=True):
            spoken = (weights * slope).clamp(min=0).mean(1).float()
            flow = flow + spoken @ flow
    prefix, grid = model.num_prefix_tokens, model.patch_embed.grid_size
    if prefix and getattr(model, "global_pool", "token") == "token":
        found = flow[:, 0, prefix:]
    else:
        # All patches answer together; what each has of itself is the same for all of them.
        still = torch.eye(count, device=planes.device)
        found = (flow - still)[:, prefix:, prefix:].mean(1)
    return found.reshape(len(places), *grid)


def _layers(model: nn.Module) -> list[nn.Module]:
    """Attention over all tokens, in the order in which it is computed."""
    return [
        one
        for one in model.modules()
        if hasattr(one, "fused_attn") and isinstance(getattr(one, "attn_drop", None), nn.Module)
    ]


@contextmanager
def _spelt_out(model: nn.Module, seen: list[Tensor]) -> Iterator[None]:
    """Have attention be computed as weights that can be looked at, rather than in one go."""
    mine = get_ident()

    def look(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # Others may be predicting with the same network.
        if get_ident() == mine:
            seen.append(output)

    layers: list[Any] = _layers(model)
    with _turn:
        before = [one.fused_attn for one in layers]
        hooks = [one.attn_drop.register_forward_hook(look) for one in layers]
        try:
            for one in layers:
                one.fused_attn = False
            yield
        finally:
            for hook in hooks:
                hook.remove()
            for one, fused in zip(layers, before, strict=True):
                one.fused_attn = fused
