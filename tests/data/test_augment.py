"""Whole batches changed at random, each picture by draws of its own."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bakeoff.data.augment import augment
from bakeoff.data.draws import Draws
from bakeoff.spec.image import Augment

torch.set_num_threads(1)

EACH: dict[str, Any] = {
    "flip": "random",
    "crop": 2,
    "rotation": 20.0,
    "zoom": 0.2,
    "shift": 0.2,
    "shear": 20.0,
    "brightness": 0.4,
    "contrast": 0.4,
    "saturation": 0.5,
    "hue": 0.3,
    "trivial": True,
    "cutout": 4,
    "mixup": 1.0,
    "cutmix": 1.0,
}
ALL = Augment(**EACH)


def pictures(count: int = 24, height: int = 12, width: int = 12) -> Tensor:
    """Noise, the same each time."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, height, width, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def draws(count: int = 24, *, epoch: int = 0, step: int = 0) -> Draws:
    """The draws of a batch at the start of an epoch."""
    return Draws(seed=3, epoch=epoch, step=step, first=0, indices=np.arange(count))


def test_every_field_is_tried_here() -> None:
    """No field of Augment escapes these tests."""
    assert set(EACH) == {field.name for field in fields(Augment)}


def test_nothing_asked_changes_nothing() -> None:
    """The default hands back the very same tensors."""
    images, labels = pictures(), torch.zeros(24, dtype=torch.int64)
    same, targets = augment(images, labels, Augment(), draws(), classes=3)
    assert same.data_ptr() == images.data_ptr()
    assert same is images
    assert targets is labels


@pytest.mark.parametrize("name", EACH)
def test_each_field_does_something_of_its_own(name: str) -> None:
    """Each field changes most pictures, keeps type and shape, and leaves its input alone."""
    images, labels = pictures(), torch.arange(24) % 3
    before = images.clone()
    spec = replace(Augment(), **{name: EACH[name]})
    changed, targets = augment(images, labels, spec, draws(), classes=3)
    assert torch.equal(images, before)
    assert changed.dtype == torch.uint8
    assert changed.shape == images.shape
    assert changed.is_contiguous()
    assert len(targets) == 24
    assert (changed != images).flatten(1).any(dim=1).sum() > 6


@pytest.mark.parametrize("name", EACH)
def test_each_picture_has_draws_of_its_own(name: str) -> None:
    """One picture many times over comes out in many ways."""
    images = pictures(2).repeat_interleave(16, dim=0)
    images[1::2] = images[31].clone()
    labels = torch.zeros(32, dtype=torch.int64)
    spec = replace(Augment(), **{name: EACH[name]})
    changed, _ = augment(images, labels, spec, draws(32), classes=3)
    ways = {picture.numpy().tobytes() for picture in changed[:16:2]}
    assert len(ways) >= (2 if name == "flip" else 4)


@pytest.mark.parametrize("spec", [ALL, replace(ALL, mixup=0.0), replace(ALL, cutmix=0.0)])
def test_same_draws_same_batch(spec: Augment) -> None:
    """The same draws give the same bytes; another epoch gives others."""
    images, labels = pictures(), torch.arange(24) % 3
    first = augment(images, labels, spec, draws(), classes=3)
    again = augment(images, labels, spec, draws(), classes=3)
    later = augment(images, labels, spec, draws(epoch=1), classes=3)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], later[0])


def test_result_does_not_depend_on_threads() -> None:
    """Two threads give the bytes that one gives."""
    images, labels = pictures(64, 32, 32), torch.arange(64) % 3
    one = augment(images, labels, ALL, draws(64), classes=3)
    torch.set_num_threads(2)
    try:
        two = augment(images, labels, ALL, draws(64), classes=3)
    finally:
        torch.set_num_threads(1)
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])


@pytest.mark.parametrize("spec", [ALL, replace(ALL, mixup=0.0), replace(ALL, cutmix=0.0)])
def test_the_device_is_never_waited_for(spec: Augment) -> None:
    """No operation asks for a value: even tensors that hold none go through."""
    images, labels = pictures().to("meta"), torch.zeros(24, dtype=torch.int64, device="meta")
    changed, targets = augment(images, labels, spec, draws(), classes=3)
    assert changed.device.type == targets.device.type == "meta"
    assert changed.shape == images.shape


@pytest.mark.parametrize("shape", [(1, 12, 12), (0, 12, 12), (5, 8, 14), (3, 1, 1), (3, 2, 5)])
def test_any_shape_goes_through(shape: tuple[int, int, int]) -> None:
    """One picture, none, an odd number, oblong ones and tiny ones keep their shape."""
    images = pictures(*shape)
    labels = torch.zeros(shape[0], dtype=torch.int64)
    changed, targets = augment(images, labels, ALL, draws(shape[0]), classes=2)
    assert changed.shape == images.shape
    assert targets.shape == (shape[0], 2)


def test_targets_are_labels_unless_mixed() -> None:
    """Without MixUp and CutMix the labels come back as they were."""
    labels = torch.arange(24) % 3
    spec = replace(ALL, mixup=0.0, cutmix=0.0)
    assert augment(pictures(), labels, spec, draws(), classes=3)[1] is labels


def test_batches_take_turns_between_mixup_and_cutmix() -> None:
    """With both declared, each batch is what one of them alone would make of it."""
    images, labels = pictures(), torch.arange(24) % 3
    both, fade, paste = Augment(mixup=1.0, cutmix=1.0), Augment(mixup=1.0), Augment(cutmix=1.0)
    seen = []
    for step in range(12):
        ours = draws(step=step)
        mixed = augment(images, labels, both, ours, classes=3)[0]
        faded = torch.equal(mixed, augment(images, labels, fade, ours, classes=3)[0])
        pasted = torch.equal(mixed, augment(images, labels, paste, ours, classes=3)[0])
        assert faded != pasted
        seen.append(faded)
    assert len(set(seen)) == 2


def test_flip_comes_before_cutout() -> None:
    """Fields apply in their order: what is blanked is the mirrored picture."""
    images, labels = pictures(), torch.zeros(24, dtype=torch.int64)
    flipped, _ = augment(images, labels, Augment(flip="random"), draws(), classes=3)
    in_two, _ = augment(flipped, labels, Augment(cutout=4), draws(), classes=3)
    at_once, _ = augment(images, labels, Augment(flip="random", cutout=4), draws(), classes=3)
    assert torch.equal(at_once, in_two)
