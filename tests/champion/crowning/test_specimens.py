"""Which pictures become golden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.champion.crowning.specimens import _LARGE, _file, own, picked
from bakeoff.champion.engine import Outputs, Pixels
from bakeoff.data.decode import decode
from bakeoff.data.listing import ArrayPictures, FilePictures, Listing
from bakeoff.spec.errors import DataError
from bakeoff.spec.image import Preprocess
from tests.pictures import encoded, photograph
from tests.runs.digits import digits


def test_spread_over_classes_and_confidence() -> None:
    """Each class has its share, sure and unsure ones; none is there twice."""
    random = np.random.default_rng(0)
    labels, confidence = random.integers(4, size=400), random.random(400)
    rows = picked(labels, confidence, 16)
    assert len(set(rows)) == 16
    assert np.bincount(labels[rows]).tolist() == [4, 4, 4, 4]
    assert confidence[rows].min() < 0.25
    assert confidence[rows].max() > 0.75


def test_half_of_them_are_unsure() -> None:
    """Half are of the least sure third of their class: what is as good as 1 stays so, whatever is
    broken."""
    confidence = np.random.default_rng(1).permutation(3000) / 3000
    labels = np.repeat(np.arange(3), 1000)
    rows = picked(labels, confidence, 24)
    unsure = [
        float((confidence[labels == labels[row]] < confidence[row]).mean()) < 1 / 3 for row in rows
    ]
    assert 11 <= sum(unsure) <= 13
    assert confidence[rows].max() > 0.9


def flat(pixels: Pixels) -> Outputs:
    """Says the same of everything."""
    shares = np.full((len(pixels), 10), 0.1, np.float32)
    return Outputs(probabilities=shares, scores=shares, features=None)


def own_pictures(root: Path, count: int, label: str = "") -> Path:
    """Pictures that are none of the digits."""
    (root / label).mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        content = encoded(photograph(40, 30, seed=seed), "PNG")
        (root / label / f"{seed}.png").write_bytes(content)
    return root


def test_pictures_of_ones_own(tmp_path: Path) -> None:
    """All of a folder become golden, with the labels that folders say, if any."""
    target = Preprocess(size=16)
    engine: Any = flat
    folder = own_pictures(own_pictures(tmp_path / "own", 5, "3"), 4, "7")
    found = own(folder, digits(), target, engine)
    assert [one.label for one in found] == ["3"] * 5 + ["7"] * 4
    assert found[0].content == (folder / "3" / "0.png").read_bytes()
    assert found[8].probabilities.tolist() == pytest.approx([0.1] * 10)
    plain = own(own_pictures(tmp_path / "plain", 8), digits(), target, engine)
    assert {one.label for one in plain} == {None}
    assert [one.file for one in plain] == [f"0{place}.png" for place in range(8)]


def test_pictures_of_ones_own_that_will_not_do(tmp_path: Path) -> None:
    """Too few, of another class, not there, or of the data after all: each is said."""

    def refused(folder: Path) -> str:
        engine: Any = flat
        with pytest.raises(DataError) as caught:
            own(folder, digits(), Preprocess(size=16), engine)
        return str(caught.value)

    folder = own_pictures(tmp_path / "own", 7)
    where = f"the folder of golden pictures {folder}"
    assert refused(folder) == f"{where} must hold 8 to 64 pictures, but is 7."
    assert refused(folder / "no") == f"{where}/no is not there."
    own_pictures(folder, 8, "three")
    assert refused(folder).startswith(
        f"{where} has a folder 'three', which is no class of the champion."
    )
    known = own_pictures(tmp_path / "known", 8)
    kept = _file(digits(), 3, Preprocess(size=16))[1]
    (known / "5.png").write_bytes(kept)
    assert refused(known) == (
        f"the golden picture {known / '5.png'} must be none of the data, but looks like digit 3. "
        "Take others, or leave them out: then pictures of validation become golden."
    )


def test_fewer_pictures_than_wanted() -> None:
    """Then all of them are taken; and of many classes as many as fit."""
    labels = np.array([0, 0, 1])
    assert sorted(picked(labels, np.array([0.1, 0.2, 0.3]), 16)) == [0, 1, 2]
    many = np.arange(100)
    chosen = picked(many, np.ones(100), 8)
    assert len(set(chosen)) == 8
    assert max(chosen) > 80


def test_large_files_become_small_copies(tmp_path: Path) -> None:
    """A photograph of many bytes is kept smaller, one of few as it is, an array without loss."""
    large, small = encoded(photograph(900, 700), "PNG"), encoded(photograph(40, 30), "PNG")
    assert len(large) > _LARGE > len(small)
    for name, content in (("a.png", large), ("b.PNG", small)):
        (tmp_path / name).write_bytes(content)
    files = FilePictures(root=tmp_path, paths=("a.png", "b.PNG"))
    listing = Listing(name="two", pictures=files, labels=np.arange(2), classes=("a", "b"))
    dataset = replace(digits(), listing=listing)
    suffix, copy = _file(dataset, 0, Preprocess(size=32))
    assert suffix in (".png", ".jpg")
    assert len(copy) <= _LARGE
    assert decode(copy).shape == (199, 256, 3)
    assert _file(dataset, 1, Preprocess(size=32)) == (".png", small)
    pictures = digits().pictures
    assert isinstance(pictures, ArrayPictures)
    kept = _file(digits(), 3, Preprocess(size=32))[1]
    assert np.array_equal(decode(kept), pictures.array[3])
