"""A champion under strain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bakeoff.champion.champion import Champion
from bakeoff.champion.opening import open as opened
from bakeoff.champion.sample import first, in_classes_of, members_of, said, sample
from bakeoff.champion.stress import pictures_for, stress
from bakeoff.data.corrupt import CORRUPTIONS, strained
from bakeoff.data.dataset import Dataset, load
from bakeoff.spec.errors import ArgumentError, DataError
from bakeoff.spec.split import SplitPlan
from tests.champion import made


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Pictures of the champion's classes, in another order."""
    root = tmp_path_factory.mktemp("photos")
    return load(folder_of(root, 40), plan=SplitPlan(shares=(0.5, 0.5)))


def folder_of(root: Path, count: int) -> Path:
    """So many pictures of each class, of two sizes."""
    for label, name in enumerate(made.CLASSES):
        (root / name).mkdir()
        for seed in range(count):
            wide = 40 if seed % 2 else 60
            picture = made.picture(label, 5000 + seed, width=wide, height=wide)
            (root / name / f"{seed}.png").write_bytes(made.encoded(picture))
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Champion:
    """A champion that is open."""
    return opened(made.plain(tmp_path_factory.mktemp("model") / "champion"), engine="torch")


def test_two_times_the_same(model: Champion, photos: Dataset) -> None:
    """Two stress tests of a champion are equal to the last digit; with another seed they differ."""
    first, again, other = (
        stress(model, photos, part="test", pictures=20, only=["snow", "elastic"], seed=seed)
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first.to_json() == again.to_json()
    assert first != other


def test_what_is_measured(model: Champion, photos: Dataset) -> None:
    """All fifteen at five severities, on so many pictures, with the mean over them; the clean
    accuracy is of the same pictures, and slices of more."""
    found = stress(model, photos, part="test", pictures=5)
    assert [one.name for one in found.rows][:15] == [one.name for one in CORRUPTIONS]
    assert {cell.accuracy.n for one in found.rows for cell in one.cells} == {5}
    assert (found.pictures, found.clean.n, found.whole.n, found.side) == (5, 5, 50, 16)
    assert found.corruption is not None
    means = [one.mean.value for one in found.rows[:15]]
    assert found.corruption.value == pytest.approx(np.mean(means))
    assert {one.kind for one in found.slices} == {"class", "size", "brightness", "contrast"}


def test_figures_are_of_the_champions_own_answers(model: Champion, photos: Dataset) -> None:
    """Accuracy as they are is what the champion says of the very pictures, by class name."""
    found = stress(model, photos, part="test", only=["fog"])
    names = [photos.classes[photos.labels[place]] for place in photos.split.test]
    pixels = [photos.picture(int(place)) for place in photos.split.test]
    right = [one.label == name for one, name in zip(model.predict(pixels), names, strict=True)]
    assert found.whole.value == pytest.approx(np.mean(right))
    assert found.corruption is None


def test_each_cell_is_of_its_own_pictures(model: Champion, photos: Dataset) -> None:
    """What is said of a picture under strain is held against that picture's class."""
    found = stress(model, photos, part="test", pictures=20, only=["contrast"], seed=3)
    members = np.sort(photos.split.test)
    drawn = members[first(members, 20, 3)]
    pixels = np.stack([model.read(photos.picture(int(place))) for place in drawn])
    for step, cell in enumerate(found.rows[0].cells, 1):
        worse = strained(torch.from_numpy(pixels), "contrast", step, indices=drawn, seed=3)
        told = model.tell(worse.numpy()).probabilities.argmax(1)
        names = [photos.classes[label] for label in photos.labels[drawn]]
        right = [model.classes[at] == name for at, name in zip(told, names, strict=True)]
        assert cell.accuracy.value == np.mean(right)


def test_copies_are_known_only_of_its_own_data(model: Champion, photos: Dataset) -> None:
    """Where the champion learnt from other data nothing is said of copies, and that is noted; of
    its own data, copies are counted."""
    found = stress(model, photos, part="test", pictures=5, only=["fog"])
    assert found.duplicates is None
    assert found.notes[0].startswith("The champion learnt from other data, or from another split")
    own = Champion(
        record=replace(model.record, digests={"data": photos.digest}),
        recipe=model.recipe,
        engine=model.engine,
        digest=model.digest,
        card=model.card,
        reference=model.reference,
        path=model.path,
    )
    found = stress(own, photos, part="test", pictures=5, only=["fog"])
    assert found.duplicates is not None
    assert found.duplicates.leaked == 0
    assert found.notes == ()


def test_validation_is_said_to_be_kind(model: Champion, tmp_path: Path) -> None:
    """By validation the champion was chosen, and the figures say so."""
    photos = load(folder_of(tmp_path, 10), plan=SplitPlan(shares=(0.4, 0.4, 0.2)))
    found = stress(model, photos, pictures=5, only=["fog"])
    assert found.part == "val"
    assert found.notes[-1].startswith("Validation pictures, by which the champion was chosen")


def test_what_cannot_be_stressed(model: Champion, photos: Dataset, tmp_path: Path) -> None:
    """An unknown strain, no pictures and a class the champion does not know are refused."""
    with pytest.raises(ArgumentError) as unknown:
        stress(model, photos, only=["fogg"], part="test")
    assert str(unknown.value).startswith(
        "only must name strains, but is 'fogg'. Did you mean 'fog'"
    )
    with pytest.raises(ArgumentError, match="pictures must be at least 1, but is 0"):
        stress(model, photos, pictures=0, part="test")
    root = folder_of(tmp_path, 6)
    (root / "sky").rename(root / "sea")
    with pytest.raises(DataError) as foreign:
        stress(model, load(root, plan=SplitPlan(shares=(0.5, 0.5))), part="test")
    assert "class 'sea' of" in str(foreign.value)
    assert "is none that the champion knows" in str(foreign.value)


def test_how_many_pictures() -> None:
    """Five hundred small pictures, and fewer large ones; by nothing but their size."""
    assert [pictures_for(side) for side in (8, 32, 64, 96, 224)] == [500, 500, 500, 222, 100]


def test_answers_in_the_datasets_classes(model: Champion, photos: Dataset) -> None:
    """What was said, in the order of the dataset's classes: for label errors."""
    told = said(model, sample(model, photos, members_of(photos, "test")))
    turned = in_classes_of(photos, told)
    assert turned.classes == photos.classes != model.classes
    assert np.array_equal(turned.labels, photos.labels[photos.split.test])
    assert np.array_equal(turned.correct, told.correct)
