"""What colours pixels have."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from bakeoff.data.augment.colour import recoloured

torch.set_num_threads(1)

NEUTRAL = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


def pictures(count: int = 2, low: int = 0, high: int = 256) -> Tensor:
    """Noise, the same each time."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, 8, 8, 3)
    return torch.randint(low, high, shape, dtype=torch.uint8, generator=generator)


def changed(images: Tensor, **factors: float) -> Tensor:
    """All pictures by the same factors, neutral where not named."""
    full = {name: np.full(len(images), value) for name, value in (NEUTRAL | factors).items()}
    return recoloured(images, **full)


def test_neutral_factors_keep_every_byte() -> None:
    """Factors of one and no turn of hue change nothing."""
    images = pictures()
    assert torch.equal(changed(images), images)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.6])
@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_each_factor_agrees_with_pillow(
    name: str, oracle: type[ImageEnhance.Contrast], factor: float
) -> None:
    """Brightness, contrast and saturation are Pillow's, but for rounding."""
    images = pictures()
    ours = changed(images, **{name: factor}).numpy().astype(int)
    for own, picture in zip(ours, images.numpy(), strict=True):
        theirs = np.asarray(oracle(Image.fromarray(picture)).enhance(factor)).astype(int)
        assert np.abs(own - theirs).max() <= 1


def test_each_picture_has_factors_of_its_own() -> None:
    """Factors apply to their own picture and to no other."""
    images = pictures(3)
    one = np.ones(3)
    brightness = np.array([1.0, 0.5, 0.0])
    ours = recoloured(images, brightness=brightness, contrast=one, saturation=one, hue=0 * one)
    assert torch.equal(ours[0], images[0])
    assert torch.equal(ours[1], changed(images[1:2], brightness=0.5)[0])
    assert not ours[2].any()


def test_hue_leaves_grey_alone() -> None:
    """A grey picture has no hue to turn."""
    images = pictures()[..., :1].expand(2, 8, 8, 3).contiguous()
    assert torch.equal(changed(images, hue=0.3), images)


def test_hue_keeps_the_brightness_seen() -> None:
    """Turning the hue leaves each pixel's grey as it was, where no colour leaves the range."""
    images = pictures(low=110, high=146)
    weights = torch.tensor([0.299, 0.587, 0.114])
    turned = changed(images, hue=0.4)
    assert (turned.float() @ weights - images.float() @ weights).abs().max() < 1
    assert (turned.int() - images.int()).abs().max() > 10


def test_full_circle_of_hue_comes_home() -> None:
    """One whole turn, or a third three times, gives the picture again."""
    images = pictures(low=110, high=146)
    thrice = changed(changed(changed(images, hue=1 / 3), hue=1 / 3), hue=1 / 3)
    assert torch.equal(changed(images, hue=1.0), images)
    assert (thrice.int() - images.int()).abs().max() <= 2


def test_hue_turns_as_the_colour_circle_does() -> None:
    """A turn moves the hue in the direction and by about the amount of the usual circle."""
    images = torch.tensor([[[[150, 110, 110]]]], dtype=torch.uint8)
    for share in (0.1, 0.25, 0.5):
        red, green, blue = (changed(images, hue=share)[0, 0, 0].double() / 255).tolist()
        hue = colorsys.rgb_to_hsv(red, green, blue)[0]
        assert hue == pytest.approx(share, abs=0.07)


def test_factors_compound_without_clipping_between() -> None:
    """Brightened past the range and dimmed by contrast again, nothing is lost on the way."""
    images = torch.tensor([[[[200, 200, 200], [100, 100, 100]]]], dtype=torch.uint8)
    both = changed(images, brightness=1.5, contrast=0.0)
    assert set(both.flatten().tolist()) == {225}
