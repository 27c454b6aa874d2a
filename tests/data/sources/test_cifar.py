"""CIFAR's batch files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.data.listing import ArrayPictures, Listing
from bakeoff.data.sources.cifar import LAYOUTS, Layout, locate_batches, read_batches
from bakeoff.spec.errors import DataError
from tests.data.sources.batches import ROWS, SMALL, labels, pixels, write_batches, write_pickle

PY = next(layout for layout in SMALL if layout.folder == "cifar-10-batches-py")
BIN = next(layout for layout in SMALL if layout.folder == "cifar-10-batches-bin")


def _check(found: Listing, layout: Layout) -> None:
    assert isinstance(found.pictures, ArrayPictures)
    assert found.name == layout.dataset
    assert len(found) == ROWS * len(layout.files)
    assert found.official is not None
    assert found.official.tolist() == [0] * (len(found) - ROWS) + [2] * ROWS
    for number in range(len(layout.files)):
        rows = slice(number * ROWS, (number + 1) * ROWS)
        planes = pixels(number).reshape(ROWS, 3, 32, 32)
        np.testing.assert_array_equal(found.pictures.array[rows], planes.transpose(0, 2, 3, 1))
        assert found.labels[rows].tolist() == labels(number, layout.classes)


@pytest.mark.parametrize("layout", [PY, BIN], ids=lambda layout: layout.folder)
def test_ten_classes_are_read_from_either_form(tmp_path: Path, layout: Layout) -> None:
    """Python and binary batches give the same pictures, channels last, in published order."""
    found = read_batches(write_batches(tmp_path / "batches", layout), layout)
    _check(found, layout)
    assert found.classes == tuple(f"class{number}" for number in range(10))


@pytest.mark.parametrize("folder", ["cifar-100-binary", "cifar-100-python"])
def test_a_hundred_classes_are_read_by_their_fine_labels(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two label bytes counts, and the names are the fine ones."""
    layout = next(layout for layout in SMALL if layout.folder == folder)
    # With few rows not every class comes up, which a listing refuses.
    monkeypatch.setattr(Listing, "_check_classes", lambda _: None)
    found = read_batches(write_batches(tmp_path / "batches", layout), layout)
    _check(found, layout)
    assert len(found.classes) == 100


def test_the_published_layouts_have_sixty_thousand_rows() -> None:
    """Fifty thousand to train on and ten thousand to test on, in each published form."""
    for layout in LAYOUTS:
        rows = [0, 0, 0]
        for _, part, count in layout.files:
            rows[part] += count
        assert rows == [50_000, 0, 10_000]


@pytest.mark.parametrize("layout", SMALL, ids=lambda layout: layout.folder)
def test_batches_are_known_by_their_files(tmp_path: Path, layout: Layout) -> None:
    """Whatever the folder is called, its files say which form of which dataset it is."""
    write_batches(tmp_path / "anything", layout)
    ((place, found),) = locate_batches(tmp_path / "anything")
    assert place == tmp_path / "anything"
    assert (found.dataset, found.folder) == (layout.dataset, layout.folder)


@pytest.mark.parametrize(
    "below",
    [
        "cifar-10-batches-py",
        "cifar-10-batches-py-target/cifar-10-batches-py",
        "datasets/cifar-10-batches-py",
        "datasets/cifar-10-batches-py-target/cifar-10-batches-py",
    ],
)
def test_batches_are_found_in_the_caches_of_frameworks(tmp_path: Path, below: str) -> None:
    """The root of torchvision's cache or of Keras's, old or new, is enough."""
    write_batches(tmp_path / below, PY)
    assert [place for place, _ in locate_batches(tmp_path)] == [tmp_path / below]


def test_a_folder_of_something_else_has_no_batches(tmp_path: Path) -> None:
    """Folders called train and test, as image folders have, are no batch files."""
    for name in ("train", "test", "meta"):
        (tmp_path / name).mkdir()
    assert locate_batches(tmp_path) == []


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    """The one that is missing is named, and all that are needed."""
    folder = write_batches(tmp_path / "batches", PY)
    (folder / "data_batch_3").unlink()
    ((_, layout),) = locate_batches(folder)
    with pytest.raises(DataError) as caught:
        read_batches(folder, layout)
    assert str(caught.value) == (
        f"batch file {folder / 'data_batch_3'} is missing, though others of cifar10 lie there. "
        "Unpack the published archive again; all its files are needed: data_batch_1, "
        "data_batch_2, data_batch_3, data_batch_4, data_batch_5, test_batch, batches.meta."
    )


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (1, "must hold whole rows of 3073 bytes; it has been cut short or is something else, "),
        (3073, f"must hold {ROWS} rows of 3072 values; it may have been cut short, but is "),
    ],
)
def test_a_cut_binary_batch_is_named(tmp_path: Path, cut: int, said: str) -> None:
    """Missing bytes and missing rows are both noticed."""
    path = write_batches(tmp_path / "batches", BIN) / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError) as caught:
        read_batches(path.parent, BIN)
    assert f"batch file {path} {said}" in str(caught.value)


GOOD = {b"data": pixels(0), b"labels": labels(0, 10)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({b"labels": GOOD[b"labels"]}, "must have an entry 'data'"),
        ({b"data": GOOD[b"data"]}, "must have an entry 'labels'"),
        (GOOD | {b"data": b"abc"}, "must be an array of bytes"),
        (GOOD | {b"data": pixels(0)[:-1]}, f"must hold {ROWS} rows of 3072 values"),
        (GOOD | {b"data": pixels(0)[:, :-1]}, f"must hold {ROWS} rows of 3072 values"),
        (GOOD | {b"labels": [1, 2]}, f"must be {ROWS}, but is (2,)"),
        (GOOD | {b"labels": [b"1"] * ROWS}, "must be a list of whole numbers"),
        (GOOD | {b"labels": [10] * ROWS}, "must be between 0 and 9, but is 10. Unpack the"),
        (GOOD | {b"labels": [-1] * ROWS}, "must be between 0 and 9, but is -1"),
    ],
)
def test_a_batch_of_wrong_content_is_named(
    tmp_path: Path, content: dict[bytes, object], said: str
) -> None:
    """Entries, shapes, counts and label ranges are checked."""
    path = write_batches(tmp_path / "batches", PY) / "data_batch_2"
    write_pickle(path, content)
    with pytest.raises(DataError) as caught:
        read_batches(path.parent, PY)
    assert said in str(caught.value)
    assert f"batch file {path}" in str(caught.value)


@pytest.mark.parametrize("content", [{}, {b"label_names": 1}, {b"label_names": [b"\xff"]}])
def test_class_names_must_be_texts(tmp_path: Path, content: dict[bytes, object]) -> None:
    """A file of names that holds none is named."""
    folder = write_batches(tmp_path / "batches", PY)
    write_pickle(folder / "batches.meta", content)
    with pytest.raises(DataError, match=r"class names in .*batches\.meta must be a list of texts"):
        read_batches(folder, PY)


def test_class_names_must_be_as_many_as_classes(tmp_path: Path) -> None:
    """Nine names for ten classes are refused."""
    folder = write_batches(tmp_path / "batches", BIN)
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghi"))
    with pytest.raises(DataError, match=r"batches\.meta\.txt must be 10, but is 9"):
        read_batches(folder, BIN)
