"""Whole batches changed at random on the device, each picture by draws of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from bakeoff.data.augment.colour import colour
from bakeoff.data.augment.geometry import affine, flip_and_crop
from bakeoff.data.augment.mixing import cutmix, cutout, mixup
from bakeoff.data.augment.trivial import trivial
from bakeoff.data.draws import Draws
from bakeoff.spec.image import Augment

__all__ = ["augment"]


def augment(
    images: Tensor, labels: Tensor, spec: Augment, draws: Draws, *, classes: int
) -> tuple[Tensor, Tensor]:
    """Pictures changed as `spec` says, in the order of its fields, and their targets.

    `images` are uint8 B×H×W×3 and stay so; they are never written to. Targets are the labels
    (int64, B), or with MixUp or CutMix shares of the classes (float32, B×classes).
    """
    assert images.dtype == torch.uint8, images.dtype
    assert images.ndim == 4, images.shape
    assert images.shape[3] == 3, images.shape
    assert len(images) == len(labels) == len(draws.indices)
    if spec.flip != "none" or spec.crop:
        images = flip_and_crop(images, spec, draws)
    if spec.rotation or spec.zoom or spec.shift or spec.shear:
        images = affine(images, spec, draws)
    if spec.brightness or spec.contrast or spec.saturation or spec.hue:
        images = colour(images, spec, draws)
    if spec.trivial:
        images = trivial(images, draws)
    if spec.cutout:
        images = cutout(images, spec, draws)
    if spec.mixup and (not spec.cutmix or draws.batch_coin("mixup or cutmix")):
        return mixup(images, labels, spec, draws, classes)
    if spec.cutmix:
        return cutmix(images, labels, spec, draws, classes)
    return images, labels
