"""Datasets from what a user names."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bakeoff
from bakeoff.data import dataset as datasets
from bakeoff.data.dataset import load
from bakeoff.spec.errors import DataError
from bakeoff.spec.split import SplitPlan
from tests.pictures import digit, encoded, folder_of_digits, photograph


def test_digits_are_at_hand() -> None:
    """The embedded digits load without a network, split 80/10/10."""
    digits = bakeoff.load("digits")
    assert len(digits) == 1797
    assert len(digits.classes) == 10
    sizes = [len(part) for part in digits.split.parts().values()]
    assert sum(sizes) == 1797
    assert abs(sizes[1] - 180) <= 1
    assert abs(sizes[2] - 180) <= 1


def test_loading_twice_gives_the_same(tmp_path: Path) -> None:
    """Preparing data again changes nothing: not a label, not a place, not the digest."""
    folder = folder_of_digits(tmp_path / "digits")
    one, other = load(folder), load(folder)
    assert one.digest == other.digest
    assert np.array_equal(one.labels, other.labels)
    assert one.classes == other.classes


def test_a_dataset_is_the_same_wherever_it_lies(tmp_path: Path, cache: Path) -> None:
    """Neither the folder's name nor an empty cache changes the digest."""
    folder = folder_of_digits(tmp_path / "digits")
    before = load(folder).digest
    shutil.rmtree(cache)
    assert load(Path(shutil.move(folder, tmp_path / "moved"))).digest == before


@pytest.mark.parametrize("plan", [SplitPlan(seed=1), SplitPlan(val=0.2), SplitPlan(subset=20)])
def test_another_split_is_another_dataset(tmp_path: Path, plan: SplitPlan) -> None:
    """The split is part of the digest, but not of the content that a pack depends on."""
    folder = folder_of_digits(tmp_path / "digits")
    one, other = load(folder), load(folder, plan=plan)
    assert one.digest != other.digest
    assert one.content == other.content


def test_labels_and_names_are_part_of_the_digest(tmp_path: Path) -> None:
    """The same pictures under other names are another dataset."""
    folder = folder_of_digits(tmp_path / "digits")
    assert load(folder, classes={"0": "zero"}).digest != load(folder).digest


def test_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    """Copies of a picture, exact or saved again with losses, are never on two sides of a split."""
    folder = tmp_path / "photos"
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for number in range(30):
            seed = number + (100 if label == "b" else 0)
            picture = photograph(64, 48, seed=seed)
            (folder / label / f"{number:02d}.png").write_bytes(encoded(picture))
            if number % 3 == 0:
                (folder / label / f"{number:02d}-copy.png").write_bytes(encoded(picture))
            if number % 3 == 1:
                again = encoded(picture, "JPEG", quality=60)
                (folder / label / f"{number:02d}-again.jpg").write_bytes(again)
    for seed in range(3):
        dataset = load(folder, plan=SplitPlan(seed=seed, shares=(0.5, 0.5)))
        sides = {
            dataset.pictures.name(int(index)): side
            for side, part in dataset.split.parts().items()
            for index in part
        }
        for name, side in sides.items():
            original = name.replace("-copy", "").replace("-again.jpg", ".png")
            assert sides[original] == side, name


def test_a_few_broken_pictures_are_listed_and_skipped(tmp_path: Path) -> None:
    """Three bad files among hundred do not stop the work; they are named with class and reason."""
    folder = folder_of_digits(tmp_path / "digits", per_class=50, classes=2)
    (folder / "1" / "bad.png").write_bytes(b"nothing")
    (folder / "0" / "half.png").write_bytes(encoded(digit(3))[:60])
    dataset = load(folder)
    assert len(dataset) == 100
    assert [(one.name, one.label) for one in dataset.broken] == [
        ("0/half.png", "0"),
        ("1/bad.png", "1"),
    ]
    assert dataset.broken[1].reason.startswith("is not a picture that can be opened")
    places = np.concatenate(list(dataset.split.parts().values()))
    assert sorted(places.tolist()) == list(range(100))


def test_many_broken_pictures_stop_the_work_unless_allowed(tmp_path: Path) -> None:
    """More than one in twenty is an error that names some and the option that allows them."""
    folder = folder_of_digits(tmp_path / "digits", per_class=10, classes=2)
    for number in range(4):
        (folder / "0" / f"bad{number}.png").write_bytes(b"nothing")
    with pytest.raises(DataError) as caught:
        load(folder)
    text = str(caught.value)
    assert text.startswith(
        "digits has 4 broken pictures among 24 (16.7%), more than the 5% that are left out "
        "without asking: 0/bad0.png is not a picture that can be opened"
    )
    assert text.endswith("and 1 more. Mend or remove them, or allow more with --max-broken.")
    assert len(load(folder, max_broken=0.2)) == 20


def test_a_class_that_loses_all_its_pictures_is_an_error(tmp_path: Path) -> None:
    """Skipping broken pictures never leaves a class empty in silence."""
    folder = folder_of_digits(tmp_path / "digits", per_class=50, classes=2)
    (folder / "lonely").mkdir()
    (folder / "lonely" / "bad.png").write_bytes(b"nothing")
    with pytest.raises(DataError) as caught:
        load(folder)
    assert str(caught.value) == (
        "class 'lonely' of digits has only broken pictures: lonely/bad.png is not a picture that "
        "can be opened (JPEG, PNG, WebP, GIF, BMP, TIFF). Mend them, or take the class away."
    )


def test_shares_of_broken_pictures_are_not_rounded_away(tmp_path: Path) -> None:
    """An allowance below one per cent is told as it was given, and one picture is one."""
    folder = folder_of_digits(tmp_path / "digits", per_class=20, classes=2)
    (folder / "0" / "bad.png").write_bytes(b"nothing")
    with pytest.raises(DataError) as caught:
        load(folder, max_broken=0.005)
    assert str(caught.value).startswith(
        "digits has 1 broken picture among 41 (2.4%), more than the 0.5% that are left out"
    )


def test_a_dataset_shows_itself_in_one_line() -> None:
    """In a notebook, not its pictures one by one."""
    digits = load("digits")
    shown = f"Dataset('digits', 1797 pictures, 10 classes, digest {digits.digest[:12]})"
    assert repr(digits) == shown


def test_a_picture_is_given_whole(tmp_path: Path) -> None:
    """Single pictures come decoded and at their own size."""
    folder = folder_of_digits(tmp_path / "digits", side=20)
    assert load(folder).picture(0).shape == (20, 20, 3)
    assert load("digits").picture(0).shape == (8, 8, 3)


def test_counts_add_up(tmp_path: Path) -> None:
    """Counts per part and class are those of the labels."""
    dataset = load(folder_of_digits(tmp_path / "digits", per_class=20, classes=3))
    counts = dataset.counts()
    assert list(counts) == ["train", "val", "test"]
    assert sum(counts.values()).tolist() == [20, 20, 20]  # type: ignore[union-attr]


def test_folds_of_one_dataset(tmp_path: Path) -> None:
    """The next fold has the same sealed test part and another validation part."""
    first = load(folder_of_digits(tmp_path / "digits", per_class=20), plan=SplitPlan(folds=4))
    second = first.fold(1)
    assert np.array_equal(first.split.test, second.split.test)
    assert not set(first.split.val.tolist()) & set(second.split.val.tolist())
    assert second.plan == replace(first.plan, fold=1)


def test_what_a_file_says_of_time_does_not_matter(tmp_path: Path) -> None:
    """Touching files makes a new look at them, not a new dataset."""
    folder = folder_of_digits(tmp_path / "digits")
    before = load(folder).digest
    for path in folder.rglob("*.png"):
        os.utime(path, ns=(10**9, 10**9))
    assert load(folder).digest == before


def test_a_published_test_part_costs_no_search_for_near_duplicates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Near-duplicates are searched for where a test part is cut, and not where one is given."""

    def refuse(*_: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(datasets, "near_duplicates", refuse)
    for part in ("train", "test"):
        folder_of_digits(tmp_path / "digits" / part, per_class=20)
    assert len(load(tmp_path / "digits").split.test) == 60
    with pytest.raises(AssertionError, match="searched"):
        load(tmp_path / "digits", plan=SplitPlan(shares=(0.8, 0.2)))
