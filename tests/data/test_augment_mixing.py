"""Pictures with holes, and pictures made of two."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from bakeoff.data.augment.mixing import boxes, cutmix, cutout, mixup
from bakeoff.data.draws import Draws
from bakeoff.spec.image import Augment

torch.set_num_threads(1)


def flat(values: list[int], size: int = 10) -> Tensor:
    """Pictures of one grey each."""
    return torch.tensor(values, dtype=torch.uint8)[:, None, None, None].expand(-1, size, size, 3)


def draws(count: int, first: int = 0) -> Draws:
    """The draws of a batch, or of a slice of it."""
    return Draws(seed=2, epoch=0, step=0, first=first, indices=np.arange(count))


def test_cutout_blanks_a_square_with_the_mean() -> None:
    """A hole of at most the side asked for, filled with the picture's mean colour."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (64, 12, 12, 3), dtype=torch.uint8, generator=generator)
    holed = cutout(images, Augment(cutout=4), draws(64))
    sizes = []
    for before, after in zip(images, holed, strict=True):
        changed = (before != after).any(dim=2)
        rows, columns = changed.any(dim=1).nonzero(), changed.any(dim=0).nonzero()
        tall = int(rows.max() - rows.min()) + 1
        wide = int(columns.max() - columns.min()) + 1
        mean = before.float().mean(dim=(0, 1)).round().to(torch.uint8)
        assert tall <= 4
        assert wide <= 4
        assert (after[changed] == mean).all()
        sizes.append(tall * wide)
    assert max(sizes) == 16
    assert min(sizes) < 16


def test_mixup_fades_by_the_share_in_the_label() -> None:
    """Brightness and label move by the same share, drawn anew for each picture."""
    images = flat([0, 200] * 8)
    labels = torch.tensor([0, 1] * 8)
    mixed, targets = mixup(images, labels, Augment(mixup=1.0), draws(16), 3)
    assert targets.shape == (16, 3)
    assert targets.sum(dim=1) == pytest.approx(torch.ones(16))
    assert mixed[:, 0, 0, 0].float() == pytest.approx(200 * targets[:, 1], abs=0.51)
    assert not targets[:, 2].any()
    assert len(set(targets[:, 1].tolist())) == 16


def test_mixup_never_leaves_the_range() -> None:
    """Black and white stay black and white when both pictures are."""
    images = flat([0, 0, 255, 255])
    mixed, _ = mixup(images, torch.zeros(4, dtype=torch.int64), Augment(mixup=0.3), draws(4), 2)
    assert torch.equal(mixed, images)


def test_cutmix_label_is_the_area_pasted() -> None:
    """The label's share equals the share of pixels left, to the pixel."""
    images = flat([10, 20] * 16)
    labels = torch.tensor([0, 1] * 16)
    pasted, targets = cutmix(images, labels, Augment(cutmix=1.0), draws(32), 2)
    left = (pasted == images)[..., 0].float().mean(dim=(1, 2))
    own = targets.gather(1, labels[:, None])[:, 0]
    assert own == pytest.approx(left)
    assert targets.sum(dim=1) == pytest.approx(torch.ones(32))
    assert 0.3 < float(left.mean()) < 0.9
    assert len(set(left.tolist())) > 10


def test_pictures_of_one_class_stay_wholly_of_it() -> None:
    """Mixing two pictures of one class gives that class."""
    labels = torch.ones(4, dtype=torch.int64)
    for mix, spec in ((mixup, Augment(mixup=1.0)), (cutmix, Augment(cutmix=1.0))):
        _, targets = mix(flat([1, 2, 3, 4]), labels, spec, draws(4), 2)
        assert targets.tolist() == [[0, 1]] * 4


def test_neighbours_are_partners_and_the_odd_one_joins_the_first() -> None:
    """Pictures mix within their pair only; a last one without a pair takes the first."""
    images = flat([0, 50, 100, 150, 200])
    labels = torch.arange(5)
    _, targets = mixup(images, labels, Augment(mixup=1.0), draws(5), 5)
    partners = targets.clone()
    partners[torch.arange(5), labels] = -1
    assert partners.argmax(dim=1).tolist() == [1, 0, 3, 2, 0]


def test_a_slice_is_mixed_as_in_the_whole_batch() -> None:
    """Half a batch, told its place, is mixed as it would be in the whole."""
    images, labels = flat([0, 50, 100, 150]), torch.arange(4)
    whole = mixup(images, labels, Augment(mixup=1.0), draws(4), 4)
    half = mixup(images[2:], labels[2:], Augment(mixup=1.0), draws(2, first=2), 4)
    assert torch.equal(half[0], whole[0][2:])
    assert torch.equal(half[1], whole[1][2:])


def test_boxes_reach_every_pixel() -> None:
    """Small boxes cover corners and middle alike, and their area is what they cover."""
    images = flat([0] * 2000, size=6)
    side = np.full(2000, 2.0)
    inside, area = boxes(images, draws(2000), "box", side, side)
    assert inside[..., 0].sum(dim=(1, 2)).tolist() == area.tolist()
    assert torch.equal(inside[..., :1].expand_as(inside), inside)
    assert inside.float().mean(dim=0).min() > 0.02
