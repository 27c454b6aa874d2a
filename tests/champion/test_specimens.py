"""Which pictures become golden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bakeoff.champion.specimens import _LARGE, _file, picked
from bakeoff.data.decode import decode
from bakeoff.data.listing import ArrayPictures, FilePictures, Listing
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
