"""How alike two thumbnails are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.data.likeness import RADIUS, blocks, distances, flat, layouts, products, structure
from bakeoff.data.progress import silent


def noise(count: int, side: int = 16, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Thumbnails of nothing in particular."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


@pytest.mark.parametrize("side", [8, 16, 32])
def test_layouts_are_whole_numbers_that_float32_adds_exactly(side: int) -> None:
    """Products of layouts are the same in any order of adding, so on any machine."""
    found = layouts(noise(40, side))
    assert (found == np.rint(found)).all()
    squares = (found.astype(np.int64) ** 2).sum(1)
    assert squares.max() < 2**24
    assert np.abs(np.sqrt(squares) - RADIUS).max() < 8
    everyone = slice(0, 40)
    straight, _ = products(found, everyone, everyone)
    exact = found.astype(np.int64) @ found.astype(np.int64).T
    assert (straight.astype(np.int64) == exact).all()


def test_a_mirrored_layout_has_the_odd_half_turned() -> None:
    """The product in a mirror equals the product with the mirrored picture."""
    thumbs = noise(12)
    straight, turned = products(layouts(thumbs), slice(0, 12), slice(0, 12))
    both = layouts(np.concatenate([thumbs, thumbs[:, :, ::-1]]))
    direct, _ = products(both, slice(0, 12), slice(12, 24))
    assert np.abs(direct - turned).max() <= 2e-3 * RADIUS**2
    assert not np.allclose(straight, turned)


def test_structure_is_one_for_the_same_picture_also_shifted_or_mirrored() -> None:
    """Shifts by one place and mirrors are followed; strangers have little in common."""
    wide = noise(1, 20)[0]
    views = np.stack(
        [wide[2:18, 2:18], wide[3:19, 1:17], wide[2:18, 2:18][:, ::-1], noise(1, seed=5)[0]]
    )
    first, second = np.array([0, 0, 0, 0]), np.array([0, 1, 2, 3])
    mirrored = np.array([False, False, True, False])
    same, shifted, turned, stranger = structure(views, first, second, mirrored, silent)
    assert same == pytest.approx(1)
    assert shifted > 0.9
    assert turned > 0.97
    assert stranger < 0.2


def test_distance_is_never_below_zero() -> None:
    """Rounding cannot make a picture more than like itself."""
    assert distances(np.array([1.001 * RADIUS**2]), np.array([1.0])).tolist() == [0]
    assert distances(np.array([0.0]), np.array([0.0])).tolist() == [1]


def test_flat_pictures_are_nearly_blank() -> None:
    """Grain is blank, a dark corner is not."""
    paper = np.full((3, 16, 16, 3), 200, np.uint8)
    paper[1] -= np.random.default_rng(0).integers(0, 8, (16, 16, 3)).astype(np.uint8)
    paper[2, :4, :4] = 0
    assert flat(paper).tolist() == [True, True, False]


def test_blocks_cover_everything_once() -> None:
    """No place is left out or taken twice."""
    assert list(blocks(7, 3, start=1)) == [slice(1, 4), slice(4, 7)]
    assert list(blocks(0, 3)) == []
