"""Pictures made worse, as the world does it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from bakeoff.data.corrupt import CORRUPTIONS, HANDLING, STRAINS, strained
from tests.pictures import photograph

torch.set_num_threads(1)

COUNT = 6
FIFTEEN = {
    *("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur"),
    *("motion_blur", "zoom_blur", "snow", "frost", "fog", "brightness", "contrast", "elastic"),
    *("pixelate", "jpeg"),
}
ALIKE = {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg"}
"""Nothing in these is random."""


def photographs(side: int = 32) -> Tensor:
    """Pictures with edges, shades and colours."""
    made = [np.asarray(photograph(side, side, seed=seed)) for seed in range(COUNT)]
    return torch.from_numpy(np.stack(made))


def worse(images: Tensor, name: str, step: int, *, first: int = 0, seed: int = 0) -> Tensor:
    """The strain on pictures that are numbered from `first` on."""
    indices = np.arange(first, first + len(images))
    return strained(images, name, step, indices=indices, seed=seed)


def distances(name: str, side: int) -> list[float]:
    """Root mean square from the pictures as they are, at each step."""
    images = photographs(side)
    return [
        float((worse(images, name, step).float() - images.float()).square().mean().sqrt())
        for step in range(1, len(STRAINS[name].steps) + 1)
    ]


def test_the_fifteen_are_there() -> None:
    """The published corruptions, each at five severities, and what happens in other hands."""
    assert {one.name for one in CORRUPTIONS} == FIFTEEN
    assert {len(one.steps) for one in CORRUPTIONS} == {5}
    assert [one.name for one in HANDLING] == ["rotation", "shift", "light", "quality"]


@pytest.mark.parametrize("side", [32, 96])
@pytest.mark.parametrize("name", sorted(FIFTEEN | {"rotation", "shift", "quality"}))
def test_each_step_is_worse(name: str, side: int) -> None:
    """On the average of pictures, each step is farther from the picture as it was."""
    steps = distances(name, side)
    assert steps[0] > 1
    assert all(after > before for before, after in pairwise(steps)), steps


def test_light_goes_both_ways() -> None:
    """The darkest and the brightest steps are the farthest."""
    steps = distances("light", 32)
    assert steps[0] > steps[1] > steps[2]
    assert steps[3] < steps[4] < steps[5]


@pytest.mark.parametrize("name", sorted(STRAINS))
def test_shape_and_type_are_kept(name: str) -> None:
    """Pictures stay uint8 of their shape, of any side, and what was given is not written to."""
    for side in (8, 33):
        images = photographs(side)
        before = images.clone()
        after = worse(images, name, len(STRAINS[name].steps))
        assert (after.dtype, after.shape) == (torch.uint8, images.shape)
        assert torch.equal(images, before)


@pytest.mark.parametrize("name", sorted(STRAINS))
@pytest.mark.parametrize("value", [0, 255])
def test_constant_pictures_stay_in_range(name: str, value: int) -> None:
    """Nothing wraps around: black never becomes all white by passing below 0, nor white black."""
    images = torch.full((2, 16, 16, 3), value, dtype=torch.uint8)
    after = worse(images, name, 1).float()
    # Salt and pepper are meant to be the other end.
    share = float(((after - value).abs() > 250).float().mean())
    assert share < (0.05 if name == "impulse_noise" else 0.01)


@pytest.mark.parametrize(
    "name",
    [
        "defocus_blur",
        "glass_blur",
        "motion_blur",
        "zoom_blur",
        "elastic",
        "pixelate",
        "rotation",
        "shift",
        "contrast",
    ],
)
def test_nothing_is_added_to_a_plain_picture(name: str) -> None:
    """What only moves or mixes pixels leaves a picture of one colour as it is."""
    images = torch.full((2, 16, 16, 3), 77, dtype=torch.uint8)
    assert torch.equal(worse(images, name, 3), images)


@pytest.mark.parametrize("name", sorted(STRAINS))
def test_a_picture_is_alone_in_its_chance(name: str) -> None:
    """To the last bit, a picture comes out the same alone, in any batch, and a second time."""
    images, step = photographs(), 3
    together = worse(images, name, step)
    assert torch.equal(worse(images, name, step), together)
    alone = [worse(images[at : at + 1], name, step, first=at) for at in range(COUNT)]
    assert torch.equal(torch.cat(alone), together)
    backwards = strained(images.flip(0), name, step, indices=np.arange(COUNT)[::-1].copy(), seed=0)
    assert torch.equal(backwards.flip(0), together)


@pytest.mark.parametrize("name", sorted(FIFTEEN - ALIKE))
def test_chance_differs(name: str) -> None:
    """The same picture with another number, or under another seed, comes out otherwise."""
    same = photographs()[:1].expand(COUNT, -1, -1, -1).contiguous()
    drawn = worse(same, name, 3)
    assert len({one.numpy().tobytes() for one in drawn}) == COUNT
    assert not torch.equal(worse(same, name, 3, seed=1), drawn)


@pytest.mark.parametrize("name", sorted(ALIKE))
def test_some_know_no_chance(name: str) -> None:
    """Where nothing is random, neither number nor seed matters."""
    images = photographs()
    assert torch.equal(worse(images, name, 3, first=9, seed=1), worse(images, name, 3))


def test_shot_noise_is_poissons() -> None:
    """Mean and variance of the counts are those of the light: what is dark is little disturbed."""
    for value in (40, 200):
        images = torch.full((4, 64, 64, 3), value, dtype=torch.uint8)
        # At 64 pixels the strength lies between the published ones; its square root tells which.
        after = worse(images, "shot_noise", 1).double() / 255
        photons = (value / 255) / float(after.var())
        assert float(after.mean()) == pytest.approx(value / 255, abs=0.004)
        assert photons == pytest.approx(500 ** (1 - 0.3562) * 60**0.3562, rel=0.06)


def test_gaussian_noise_is_as_strong_as_published() -> None:
    """At severity 3 the deviation is .08 of the range for 32 pixels and .18 for 224."""
    for side, deviation in ((32, 0.08), (224, 0.18)):
        images = torch.full((2, side, side, 3), 128, dtype=torch.uint8)
        noise = worse(images, "gaussian_noise", 3).double() / 255 - 128 / 255
        assert float(noise.std()) == pytest.approx(deviation, rel=0.03)


def test_severities_share_their_chance() -> None:
    """The same pixels are hit at every severity, so that severities differ by nothing else."""
    images = torch.full((1, 32, 32, 3), 128, dtype=torch.uint8)
    hit = [worse(images, "impulse_noise", step) != images for step in range(1, 6)]
    assert all(bool((after | ~before).all()) for before, after in pairwise(hit))


def test_shift_moves_whole_pixels() -> None:
    """A shift of a 32nd moves a picture of 32 pixels by one, up, down, left or right."""
    images = photographs()
    after = worse(images, "shift", 1)
    ways = set()
    for before, moved in zip(images, after, strict=True):
        for axis, by in ((0, 1), (0, -1), (1, 1), (1, -1)):
            inner = [slice(2, -2)] * 2
            if torch.equal(before.roll(by, axis)[tuple(inner)], moved[tuple(inner)]):
                ways.add((axis, by))
                break
        else:
            pytest.fail("moved by something else")
    assert len(ways) > 1
