"""Near-duplicates among thumbnails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageEnhance, ImageOps
from sklearn.datasets import load_digits

from bakeoff.data import near
from bakeoff.data.decode import decode, fit
from bakeoff.data.near import NearPairs, near_duplicates
from bakeoff.spec.image import Preprocess
from tests.pictures import encoded, photograph

SIDE = 64
THUMB = Preprocess(size=16, fit="stretch", interpolation="area")

Thumbs = npt.NDArray[np.uint8]


def thumb(picture: Image.Image) -> Thumbs:
    """The picture in small, as a scan keeps it."""
    return fit(np.asarray(picture), THUMB)


def strangers(count: int, *, first: int = 100) -> list[Image.Image]:
    """Pictures that have nothing to do with each other."""
    return [photograph(SIDE, SIDE, seed=first + place) for place in range(count)]


def pairs(found: NearPairs) -> set[tuple[int, int]]:
    """Both places of each pair."""
    return set(zip(found.first.tolist(), found.second.tolist(), strict=True))


def cropped(picture: Image.Image) -> Image.Image:
    """A few pixels short on each side."""
    return picture.crop((3, 1, SIDE, SIDE - 2)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def darker(picture: Image.Image) -> Image.Image:
    """With less light."""
    return ImageEnhance.Brightness(picture).enhance(0.6)


def paler(picture: Image.Image) -> Image.Image:
    """With less contrast."""
    return ImageEnhance.Contrast(picture).enhance(0.5)


def tinted(picture: Image.Image) -> Image.Image:
    """Under a warmer light."""
    return Image.fromarray((np.asarray(picture) * np.array([1, 0.85, 0.7])).astype(np.uint8))


def half_the_size(picture: Image.Image) -> Image.Image:
    """Shrunk."""
    return picture.resize((SIDE // 2, SIDE // 2), Image.Resampling.BILINEAR)


def compressed(picture: Image.Image) -> Image.Image:
    """Saved again as a poor JPEG."""
    return Image.fromarray(decode(encoded(picture, "JPEG", quality=20)))


def mirrored(picture: Image.Image) -> Image.Image:
    """Left and right exchanged."""
    return ImageOps.mirror(picture)


@pytest.mark.parametrize(
    "change", [cropped, darker, paler, tinted, half_the_size, compressed, mirrored]
)
def test_a_changed_copy_is_found_among_strangers(
    change: Callable[[Image.Image], Image.Image],
) -> None:
    """Each way in which copies differ in practice is seen through, and strangers stay strangers."""
    others = strangers(60)
    thumbs = np.stack([thumb(one) for one in [*others, change(others[7])]])
    found = near_duplicates(thumbs)
    assert pairs(found) == {(7, 60)}
    assert found.mirrored.tolist() == [change is mirrored]
    assert 0 <= found.distance[0] <= found.limit


def test_handwritten_digits_are_not_copies_of_each_other() -> None:
    """Where unrelated pictures are much alike, likeness alone makes no duplicate."""
    grey = np.round(load_digits().images * 255 / 16).astype(np.uint8)
    thumbs = np.stack([fit(np.stack([one] * 3, axis=-1), THUMB) for one in grey])
    found = near_duplicates(thumbs)
    assert len(found) < 5
    assert found.limit < 0.1


def test_a_copy_of_a_digit_is_found() -> None:
    """A scan saved twice, once with other compression, is a duplicate even among digits."""
    grey = np.round(load_digits().images[:300] * 255 / 16).astype(np.uint8)
    scans = [Image.fromarray(one).convert("RGB").resize((SIDE, SIDE)) for one in grey]
    thumbs = np.stack([thumb(one) for one in [*scans, compressed(scans[5])]])
    assert (5, 300) in pairs(near_duplicates(thumbs))


def test_equal_thumbnails_are_chained() -> None:
    """Copies are linked to the copy before, so that many make few pairs."""
    one, other = (thumb(picture) for picture in strangers(2))
    found = near_duplicates(np.stack([one, other, one, one]))
    assert pairs(found) == {(0, 2), (2, 3)}
    assert found.distance.tolist() == [0, 0]


def test_many_copies_hang_together_in_few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair of a large group need not be listed, but the group is one."""
    monkeypatch.setattr(near, "PER_PICTURE", 3)
    noise = np.random.default_rng(0).integers(-6, 7, (20, 16, 16, 3))
    scene = thumb(photograph(SIDE, SIDE, seed=1)).astype(int)
    copies = (scene + noise).clip(0, 255).astype(np.uint8)
    found = near_duplicates(np.concatenate([copies, [thumb(one) for one in strangers(200)]]))
    together = {0}
    for _ in copies:
        together |= {place for pair in pairs(found) if together & set(pair) for place in pair}
    assert together == set(range(20))
    assert len(found) <= 20 * 3


def test_blank_pictures_match_only_when_equal() -> None:
    """Nearly blank pictures say too little to be compared."""
    random = np.random.default_rng(0)
    paper = np.full((4, 16, 16, 3), 240, np.uint8)
    stains = random.integers(0, 7, (8, 8, 1)).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    grain = paper - stains - random.integers(0, 2, paper.shape).astype(np.uint8)
    found = near_duplicates(np.concatenate([paper[:2], grain]))
    assert pairs(found) == {(0, 1)}


def test_a_symmetric_copy_is_one_pair() -> None:
    """A picture that looks the same in a mirror matches both ways, and is listed once."""
    pictures = strangers(40)
    symmetric = Image.blend(pictures[0], mirrored(pictures[0]), 0.5)
    thumbs = np.stack([thumb(one) for one in [*pictures[1:], symmetric, darker(symmetric)]])
    found = near_duplicates(thumbs)
    assert list(zip(found.first, found.second, strict=True)) == [(39, 40)]


def test_order_does_not_matter() -> None:
    """The same pictures in another order give the same pairs."""
    pictures = strangers(30)
    pictures += [cropped(pictures[3]), mirrored(pictures[4]), darker(pictures[3])]
    thumbs = np.stack([thumb(one) for one in pictures])
    order = np.random.default_rng(3).permutation(len(thumbs))
    straight = {frozenset(pair) for pair in pairs(near_duplicates(thumbs))}
    turned = pairs(near_duplicates(thumbs[order]))
    assert {frozenset((int(order[a]), int(order[b]))) for a, b in turned} == straight
    assert len(straight) == 4


def test_the_size_of_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances are the same to the last bit however the work is cut up."""
    pictures = strangers(40)
    thumbs = np.stack([thumb(one) for one in [*pictures, *map(cropped, pictures[:9])]])
    whole = near_duplicates(thumbs)
    monkeypatch.setattr(near, "_ROWS", 7)
    monkeypatch.setattr(near, "_COLUMNS", 11)
    cut = near_duplicates(thumbs)
    assert pairs(cut) == pairs(whole)
    assert cut.distance.tolist() == whole.distance.tolist()
    assert len(whole) == 9


def test_beyond_the_limit_pictures_of_like_layout_are_compared() -> None:
    """Past the stated number a cheaper search is made, and says so."""
    pictures = strangers(60)
    thumbs = np.stack([thumb(one) for one in [*pictures, *map(darker, pictures[:10])]])
    found = near_duplicates(thumbs, limit=30)
    assert pairs(found) == {(place, place + 60) for place in range(10)}
    assert found.note == (
        "More than 30 pictures: near-duplicates were looked for among pictures of like layout "
        "only, so a few may be missing."
    )


@pytest.mark.parametrize("count", [1, 2])
def test_hardly_any_pictures_are_no_trouble(count: int) -> None:
    """One picture, or two strangers, have no duplicates."""
    assert len(near_duplicates(np.stack([thumb(one) for one in strangers(count)]))) == 0


def test_progress_reaches_its_end() -> None:
    """Each task that was begun is told to the end."""
    told: dict[str, tuple[int, int | None]] = {}

    def note(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        told[task] = (done, total)

    pictures = strangers(20)
    near_duplicates(np.stack([thumb(one) for one in [*pictures, darker(pictures[0])]]), note)
    assert set(told) == {"comparing layouts", "comparing structure"}
    assert all(done == total for done, total in told.values())


def test_pairs_survive_being_kept(tmp_path: Path) -> None:
    """What is read back equals what was written."""
    pictures = strangers(30)
    found = near_duplicates(np.stack([thumb(one) for one in [*pictures, mirrored(pictures[2])]]))
    found.save(tmp_path / "near.npz")
    again = NearPairs.load(tmp_path / "near.npz")
    assert pairs(again) == pairs(found) == {(2, 30)}
    assert again.distance.tolist() == found.distance.tolist()
    assert again.mirrored.tolist() == [True]
    assert (again.limit, again.note) == (found.limit, found.note)
    assert isinstance(again.limit, float)


def test_pictures_that_are_all_alike_do_not_flood_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where nearly every pair is proposed, each picture's most alike are picked at once."""
    monkeypatch.setattr(near, "PER_PICTURE", 2)
    alike = np.array([[9, 8, 7, 6], [6, 7, 8, 9], [1, 9, 1, 1]], np.float32)
    assert near._hits(alike, np.float32(5)).tolist() == [0, 1, 6, 7, 9]
    assert near._hits(alike, np.float32(8.5)).tolist() == [0, 7, 9]
