"""Where pixels go."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from bakeoff.data.augment.geometry import affine, backward, flip_and_crop, warped
from bakeoff.data.draws import Draws
from bakeoff.spec.image import Augment

torch.set_num_threads(1)


def pictures(count: int = 32, height: int = 9, width: int = 9) -> Tensor:
    """Noise, the same each time."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, height, width, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def draws(count: int = 32, epoch: int = 0) -> Draws:
    """The draws of a batch at the start of an epoch."""
    return Draws(seed=1, epoch=epoch, step=0, first=0, indices=np.arange(count))


def matrices(
    turn: float = 0, scale: float = 1, slant: float = 0, right: float = 0, down: float = 0
) -> npt.NDArray[np.float64]:
    """For one picture, still where not named."""
    one = np.ones(1)
    return backward(
        turn=turn * one, scale=scale * one, slant=slant * one, right=right * one, down=down * one
    )


def test_random_flip_mirrors_some_pictures_whole() -> None:
    """Every picture comes out either as it was or mirrored left to right, and both happen."""
    images = pictures()
    flipped = flip_and_crop(images, Augment(flip="random"), draws())
    mirrored = (flipped == images.flip(2)).flatten(1).all(dim=1)
    kept = (flipped == images).flatten(1).all(dim=1)
    assert (mirrored ^ kept).all()
    assert 8 < int(mirrored.sum()) < 24


def test_alternate_flip_mirrors_every_other_epoch() -> None:
    """What one epoch shows, the next shows mirrored, and the one after as it was."""
    images, spec = pictures(), Augment(flip="alternate")
    shown = [flip_and_crop(images, spec, draws(epoch=epoch)) for epoch in range(3)]
    assert torch.equal(shown[1], shown[0].flip(2))
    assert torch.equal(shown[2], shown[0])
    unchanged = (shown[0] == images).flatten(1).all(dim=1)
    assert 8 < int(unchanged.sum()) < 24


def test_crop_cuts_from_the_reflected_picture() -> None:
    """Each result is one of the windows of the picture padded by reflection."""
    images = pictures(64)
    padded = np.pad(images.numpy(), ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    cropped = flip_and_crop(images, Augment(crop=2), draws(64)).numpy()
    corners = set()
    for picture, window in zip(padded, cropped, strict=True):
        found = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if (picture[top : top + 9, left : left + 9] == window).all()
        ]
        assert len(found) == 1
        corners.update(found)
    assert len(corners) > 15


def test_crop_beyond_the_picture_reflects_again() -> None:
    """Padding wider than the picture goes on mirroring to and fro."""
    images = pictures(1, 3, 3)
    padded = np.pad(images.numpy()[0], ((7, 7), (7, 7), (0, 0)), mode="reflect")
    cropped = flip_and_crop(images, Augment(crop=7), draws(1)).numpy()[0]
    windows = [padded[y : y + 3, x : x + 3] for y in range(15) for x in range(15)]
    assert any((window == cropped).all() for window in windows)


def test_identity_warp_keeps_every_byte() -> None:
    """Resampling along the identity gives the picture itself."""
    images = pictures(1, 8, 11)
    assert torch.equal(warped(images, matrices(), "bilinear", "reflection"), images)


def test_quarter_turn_goes_clockwise() -> None:
    """A positive turn takes what is on top to the right."""
    images = pictures(1)
    turned = warped(images, matrices(turn=np.pi / 2), "nearest", "zeros")
    assert torch.equal(turned, torch.rot90(images, -1, dims=(1, 2)))


def test_shift_goes_right_and_down() -> None:
    """A shift by whole pixels moves them, in an oblong picture too."""
    images = pictures(1, 6, 10)
    moved = warped(images, matrices(right=3, down=2), "nearest", "zeros")
    assert torch.equal(moved[:, 2:, 3:], images[:, :-2, :-3])
    assert not moved[:, :2].any()
    assert not moved[:, :, :3].any()


def test_shift_comes_last() -> None:
    """A picture turned and moved is the turned picture, moved."""
    images = pictures(1)
    turned = warped(images, matrices(turn=np.pi / 2), "nearest", "zeros")
    moved = warped(images, matrices(turn=np.pi / 2, right=3), "nearest", "zeros")
    assert torch.equal(moved[:, :, 3:], turned[:, :, :-3])


def test_zoom_enlarges_about_the_centre() -> None:
    """Doubled, each of the middle pixels covers two by two."""
    images = pictures(1, 8, 8)
    zoomed = warped(images, matrices(scale=2), "nearest", "zeros")
    middle = images[:, 2:6, 2:6].repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    assert torch.equal(zoomed, middle)


def test_slant_moves_rows_sideways() -> None:
    """A slant of one moves each row by its distance from the middle one."""
    images = pictures(1)
    slanted = warped(images, matrices(slant=1.0), "nearest", "zeros")
    assert torch.equal(slanted[0, 4], images[0, 4])
    assert torch.equal(slanted[0, 6, 2:], images[0, 6, :-2])
    assert torch.equal(slanted[0, 1, :-3], images[0, 1, 3:])


def test_affine_shows_no_black_where_the_picture_has_none() -> None:
    """What comes into view is the picture reflected, and not a black corner."""
    images = torch.full((32, 9, 9, 3), 200, dtype=torch.uint8)
    spec = Augment(rotation=90, zoom=0.5, shift=0.5, shear=30)
    assert (affine(images, spec, draws()) == 200).all()


@pytest.mark.parametrize("spec", [Augment(rotation=1e-3), Augment(shift=1e-4), Augment(zoom=1e-4)])
def test_affine_stays_within_its_reach(spec: Augment) -> None:
    """A tiny reach moves nothing by more than rounding."""
    images = pictures()
    off = (affine(images, spec, draws()).int() - images.int()).abs()
    assert off.max() <= 1
