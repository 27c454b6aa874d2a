"""Cross-entropy, for classes and for shares of classes alike."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["class_weights", "cross_entropy"]


def cross_entropy(
    scores: Tensor,
    targets: Tensor,
    *,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
    total: int | None = None,
) -> Tensor:
    """The summed loss of a batch, divided by `total` if that is given.

    `scores` are B×classes; `targets` classes (int64, B) or their shares (float, B×classes).
    `total` is the number of pictures in the step, over all processes and micro-batches: the parts
    then add up to the mean. With class weights it stays the number of pictures, not the sum of
    their weights, so that a picture counts the same in whichever batch it falls.
    """
    # In 8 bits of mantissa the logarithm of a sum would be off by a hundredth.
    loss = functional.cross_entropy(
        scores.float(),
        targets,
        weight=weights,
        reduction="sum",
        label_smoothing=smoothing,
    )
    return loss if total is None else loss / total


def class_weights(counts: Sequence[int]) -> Tensor:
    """Weights by which each class counts the same in all, however many pictures it has.

    Their mean over the pictures is 1, so that the rate need not change. A class without pictures
    gets 0.
    """
    pictures = torch.tensor(counts, dtype=torch.float64)
    present = pictures > 0
    share = pictures.sum() / (present.sum() * pictures.clamp(min=1))
    return torch.where(present, share, 0.0).float()
