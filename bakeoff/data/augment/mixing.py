"""Pictures with holes, and pictures made of two.

A picture's partner is its neighbour in the batch: 0 with 1, 2 with 3, and so on; the order of an
epoch is random, so the partner is. Neighbours stay together when a batch is shared out among
processes in even slices, and each picture is then mixed alike however many there are.

Shapes: B pictures, K classes; images are uint8 B×H×W×3 and never written to.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bakeoff.data.augment.planes import on
from bakeoff.data.draws import Draws
from bakeoff.spec.image import Augment

__all__ = ["boxes", "cutmix", "cutout", "mixup"]

Ints = npt.NDArray[np.int64]


def cutout(images: Tensor, spec: Augment, draws: Draws) -> Tensor:
    """Blank a square whose centre lies anywhere, so that at an edge less is lost.

    Filled with the picture's own mean colour: close to the zero that a normalised picture would
    be blanked with, and needing to know nothing of the normalisation.
    """
    side = np.full(len(images), float(spec.cutout))
    hole = boxes(images, draws, "cutout", side, side)[0]
    fill = images.flatten(1, 2).float().mean(dim=1).round().to(torch.uint8)
    row = fill.repeat(1, images.shape[2]).view(len(images), 1, images.shape[2], 3)
    return torch.where(hole, row, images)


def mixup(
    images: Tensor, labels: Tensor, spec: Augment, draws: Draws, classes: int
) -> tuple[Tensor, Tensor]:
    """Each picture faded into its partner by a draw of its own, and the labels likewise."""
    partner = _partners(len(images), images.device)
    share = on(images.device, draws.beta("mixup", spec.mixup), torch.float32)
    other = images.index_select(0, partner).float()
    mixed = other.lerp_(images.float(), share[:, None, None, None]).round_().to(torch.uint8)
    return mixed, _mixed_labels(labels, partner, share, classes)


def cutmix(
    images: Tensor, labels: Tensor, spec: Augment, draws: Draws, classes: int
) -> tuple[Tensor, Tensor]:
    """A box of each picture replaced by its partner's; labels by the area that is left."""
    partner = _partners(len(images), images.device)
    height, width = images.shape[1:3]
    side = np.sqrt(1 - draws.beta("cutmix", spec.cutmix))
    box, area = boxes(images, draws, "cutmix", side * height, side * width)
    pasted = torch.where(box, images.index_select(0, partner), images)
    share = on(images.device, 1 - area / (height * width), torch.float32)
    return pasted, _mixed_labels(labels, partner, share, classes)


def boxes(
    images: Tensor,
    draws: Draws,
    name: str,
    tall: npt.NDArray[np.float64],
    wide: npt.NDArray[np.float64],
) -> tuple[Tensor, Ints]:
    """One box per picture about a random place, cut off at the edges: B×H×W×3, and its area."""
    height, width = images.shape[1:3]
    top, bottom = _interval(draws.uniform(f"{name} y"), tall, height)
    left, right = _interval(draws.uniform(f"{name} x"), wide, width)
    rows, columns = np.arange(height), np.arange(width)
    down = (rows >= top[:, None]) & (rows < bottom[:, None])
    across = (columns >= left[:, None]) & (columns < right[:, None])
    # Said for each byte: to choose whole rows is three times as fast as to choose pixels.
    across = np.repeat(across, 3, axis=1)
    inside = (
        on(images.device, down, torch.bool)[:, :, None]
        & on(images.device, across, torch.bool)[:, None, :]
    )
    return inside.view(images.shape), (bottom - top) * (right - left)


def _interval(
    place: npt.NDArray[np.float64], length: npt.NDArray[np.float64], size: int
) -> tuple[Ints, Ints]:
    whole = np.rint(length).astype(np.int64)
    start = np.floor(place * size).astype(np.int64) - whole // 2
    return np.clip(start, 0, size), np.clip(start + whole, 0, size)


def _partners(count: int, device: torch.device) -> Tensor:
    neighbours = np.arange(count) ^ 1
    if count % 2:
        neighbours[-1] = 0
    return on(device, neighbours, torch.int64)


def _mixed_labels(labels: Tensor, partner: Tensor, share: Tensor, classes: int) -> Tensor:
    # Not torch's one_hot, which looks at the labels first.
    own = (labels[:, None] == torch.arange(classes, device=labels.device)).float()
    return own[partner].lerp_(own, share[:, None])
