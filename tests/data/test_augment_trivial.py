"""TrivialAugment, operation by operation, against Pillow, on which it was published."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from sklearn.datasets import load_sample_image
from torch import Tensor

from bakeoff.data.augment.trivial import OPERATIONS, trivial
from bakeoff.data.draws import Draws

torch.set_num_threads(1)

Oracle = Callable[[Image.Image, float], Image.Image]


def slanted(
    image: Image.Image, strength: float, data: Callable[[float], tuple[float, ...]]
) -> Image.Image:
    """Pillow's affine transform."""
    return image.transform(image.size, Image.Transform.AFFINE, data(strength))


ORACLES: dict[str, Oracle] = {
    "shear_x": lambda im, s: slanted(im, s, lambda v: (1, 0.99 * v, 0, 0, 1, 0)),
    "shear_y": lambda im, s: slanted(im, s, lambda v: (1, 0, 0, 0.99 * v, 1, 0)),
    "translate_x": lambda im, s: slanted(im, s, lambda v: (1, 0, -int(32 * v), 0, 1, 0)),
    "translate_y": lambda im, s: slanted(im, s, lambda v: (1, 0, 0, 0, 1, -int(32 * v))),
    "rotate": lambda im, s: im.rotate(-135 * s),
    "brightness": lambda im, s: ImageEnhance.Brightness(im).enhance(1 + 0.99 * s),
    "saturation": lambda im, s: ImageEnhance.Color(im).enhance(1 + 0.99 * s),
    "contrast": lambda im, s: ImageEnhance.Contrast(im).enhance(1 + 0.99 * s),
    "sharpness": lambda im, s: ImageEnhance.Sharpness(im).enhance(1 + 0.99 * s),
    "posterize": lambda im, s: ImageOps.posterize(im, 8 - round(abs(s) * 6)),
    "solarize": lambda im, s: ImageOps.solarize(im, ceil(255 * (1 - abs(s)))),
    "autocontrast": lambda im, s: ImageOps.autocontrast(im),
    "equalize": lambda im, s: ImageOps.equalize(im),
}


@pytest.fixture(scope="module")
def photographs() -> npt.NDArray[np.uint8]:
    """Four pieces of a photograph, 48×64, one of them faint."""
    china = load_sample_image("china.jpg")
    pieces = [china[y : y + 192 : 4, x : x + 256 : 4] for y in (20, 200) for x in (30, 330)]
    stacked = np.stack(pieces).astype(np.uint8)
    stacked[1] = stacked[1] // 3 + 60
    return stacked


def test_fourteen_operations_all_tried_here() -> None:
    """There are the published fourteen, and all but the identity have an oracle."""
    assert len(OPERATIONS) == 14
    assert set(OPERATIONS) - set(ORACLES) == {"identity"}
    assert OPERATIONS["identity"] is None


@pytest.mark.parametrize("strength", [-1.0, -0.4, 0.0, 0.7, 1.0])
@pytest.mark.parametrize("name", ORACLES)
def test_operation_agrees_with_pillow(
    name: str, strength: float, photographs: npt.NDArray[np.uint8]
) -> None:
    """Nearly all pixels differ from Pillow's by no more than rounding."""
    operation = OPERATIONS[name]
    assert operation is not None
    images = torch.from_numpy(photographs)
    before = images.clone()
    ours = operation(images, np.full(len(images), strength))
    assert torch.equal(images, before)
    for own, picture in zip(ours.numpy().astype(int), photographs, strict=True):
        theirs = np.asarray(ORACLES[name](Image.fromarray(picture), strength)).astype(int)
        off = np.abs(own - theirs)
        # Where a sampling point falls between two pixels, rounding decides for either.
        assert (off <= 1).mean() > 0.98


@pytest.mark.parametrize("size", [1, 2, 8])
@pytest.mark.parametrize("name", ORACLES)
def test_one_colour_survives(name: str, size: int) -> None:
    """A picture of one colour, without contrast or values to spread, breaks nothing."""
    operation = OPERATIONS[name]
    assert operation is not None
    images = torch.full((2, size, size, 3), 77, dtype=torch.uint8)
    changed = operation(images, np.zeros(2))
    assert torch.equal(changed, images)


def test_each_picture_gets_one_operation_at_one_strength() -> None:
    """Over many pictures all operations come up about equally often, each as it would alone."""
    generator = torch.Generator().manual_seed(0)
    one = torch.randint(0, 256, (1, 16, 16, 3), dtype=torch.uint8, generator=generator)
    count = 1400
    changed = trivial(one.repeat(count, 1, 1, 1), draws(count))
    left = (changed == one).flatten(1).all(dim=1).float().mean()
    # Identity, and what others do at no strength or to a picture that already has it all.
    assert 1 / 14 < float(left) < 4 / 14
    one_way, other_way = every_result(one, 1), every_result(one, -1)
    seen = {picture.numpy().tobytes() for picture in changed}
    assert seen <= one_way | other_way
    assert len(seen & one_way - other_way) > 50
    assert len(seen & other_way - one_way) > 50


def draws(count: int) -> Draws:
    """The draws of a batch at the start of an epoch."""
    return Draws(seed=0, epoch=0, step=0, first=0, indices=np.arange(count))


def every_result(one: Tensor, direction: int) -> set[bytes]:
    """What each operation makes of a picture at each strength in one direction."""
    strengths = direction * np.linspace(0, 1, 31)
    results = {one.numpy().tobytes()}
    for operation in OPERATIONS.values():
        if operation is not None:
            changed = operation(one.repeat(31, 1, 1, 1), strengths)
            results |= {picture.numpy().tobytes() for picture in changed}
    return results
