"""NumPy's archives of images and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.data.listing import ArrayPictures, Listing
from bakeoff.data.sources.arrays import find_arrays
from bakeoff.spec.errors import DataError

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (6, 5, 4, 3), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def saved(tmp_path: Path, **arrays: Any) -> Path:
    """An archive of these arrays."""
    path = tmp_path / "photos.npz"
    np.savez(path, **arrays)
    return path


def array(listing: Listing) -> npt.NDArray[np.uint8]:
    """The pictures in a listing."""
    assert isinstance(listing.pictures, ArrayPictures)
    return listing.pictures.array


def refused(path: Path) -> str:
    """What is said of the archive."""
    with pytest.raises(DataError) as caught:
        find_arrays(path)
    return str(caught.value)


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("x_train", "y_train")])
def test_images_and_labels_are_read(tmp_path: Path, names: tuple[str, str]) -> None:
    """Under any of the usual names; one part is no split."""
    found = find_arrays(saved(tmp_path, **dict(zip(names, (IMAGES, LABELS), strict=True))))
    np.testing.assert_array_equal(array(found), IMAGES)
    assert found.labels.tolist() == LABELS.tolist()
    assert (found.name, found.classes) == ("photos", ("0", "1", "2"))
    assert (found.official, found.notes) == (None, ())


@pytest.mark.parametrize("form", ["x_{0}/y_{0}", "{0}_images/{0}_labels"])
def test_parts_are_the_official_split(tmp_path: Path, form: str) -> None:
    """As Keras names them, and as MedMNIST does."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for part in ("test", "train", "val"):
        x, y = form.format(part).split("/")
        arrays |= {x: IMAGES[:3] + len(part), y: LABELS[:3, None]}
    found = find_arrays(saved(tmp_path, **arrays))
    assert found.official is not None
    assert found.official.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    np.testing.assert_array_equal(array(found)[3:6], IMAGES[:3] + 3)
    assert found.labels.tolist() == [0, 1, 2] * 3


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 1)])
def test_grey_pictures_get_three_channels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """All three alike."""
    grey = IMAGES[..., 0].reshape(shape)
    found = find_arrays(saved(tmp_path, images=grey, labels=LABELS))
    np.testing.assert_array_equal(array(found), np.repeat(IMAGES[..., :1], 3, axis=3))


@pytest.mark.parametrize("kind", ["int64", "uint16", "float32", "float64"])
def test_values_to_255_are_taken_as_they_are(tmp_path: Path, kind: str) -> None:
    """Whatever the type, if they are whole."""
    found = find_arrays(saved(tmp_path, images=IMAGES.astype(kind), labels=LABELS))
    np.testing.assert_array_equal(array(found), IMAGES)
    assert found.notes == ()


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_fractions_to_1_are_scaled(tmp_path: Path, kind: str) -> None:
    """Bytes divided by 255 come back exactly, and a note says so."""
    every = np.arange(2 * 256, dtype=np.uint8).reshape(2, 16, 16)
    images = (every / 255).astype(kind)
    found = find_arrays(saved(tmp_path, images=images, labels=[0, 1]))
    np.testing.assert_array_equal(array(found)[..., 0], every)
    assert found.notes == ("Values from 0 to 1 were multiplied by 255 and rounded.",)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (IMAGES / 127.5 - 1, "from 0 to 1, but is '-1 to 1'. Undo the normalisation first."),
        (IMAGES.astype(np.int16) * 2, "must be numbers from 0 to 255, or fractions from 0 to 1"),
        (np.full((6, 5, 4, 3), np.nan), "but is 'nan to nan'"),
        (IMAGES / 2, "Round them, or divide by 255."),
        (IMAGES > 5, "but is 'bool'"),
        (IMAGES.astype("U3"), "but is '<U3'"),
        (IMAGES.astype(complex), "but is 'complex128'"),
        (IMAGES[0, 0], "must have the axes N×height×width×3, ×1 or none, but is (4, 3)."),
        (IMAGES[:0], "must not be empty, but is (0, 5, 4, 3)."),
        (np.moveaxis(IMAGES, 3, 1), "write numpy.transpose(images, (0, 2, 3, 1))."),
        (np.zeros((6, 5, 4, 4), np.uint8), "drop the fourth (alpha) channel."),
        (np.zeros((6, 5, 4, 2), np.uint8), "must have 1 or 3 channels, last, but is (6, 5, 4, 2)."),
    ],
)
def test_other_pictures_are_refused(tmp_path: Path, images: Any, said: str) -> None:
    """The array, the rule and what was found are named."""
    path = saved(tmp_path, images=images, labels=LABELS)
    text = refused(path)
    assert text.startswith(f"'images' in {path} must ")
    assert said in text


@pytest.mark.parametrize(
    "labels",
    [LABELS + 5, LABELS.astype(float), np.eye(3)[LABELS], np.eye(3, dtype=bool)[LABELS]],
)
def test_labels_may_be_numbers_or_one_hot(tmp_path: Path, labels: npt.NDArray[Any]) -> None:
    """Numbers that do not start at 0 keep their names."""
    found = find_arrays(saved(tmp_path, images=IMAGES, labels=labels))
    assert found.labels.tolist() == LABELS.tolist()
    first = 5 if labels[0].ndim == 0 and labels[0] == 5 else 0
    assert found.classes == tuple(str(first + number) for number in range(3))


@pytest.mark.parametrize("kind", ["U", "S"])
def test_labels_may_be_texts(tmp_path: Path, kind: str) -> None:
    """Then they are the class names."""
    names = np.array(["dog", "cat", "ant"] * 2, kind)
    found = find_arrays(saved(tmp_path, images=IMAGES, labels=names))
    assert found.classes == ("ant", "cat", "dog")
    assert found.labels.tolist() == [2, 1, 0] * 2


@pytest.mark.parametrize("name", ["classes", "class_names"])
def test_classes_may_be_named(tmp_path: Path, name: str) -> None:
    """Numbers then are places in that list; texts are looked up in it."""
    names = np.array(["dog", "cat", "ant"])
    for labels in (LABELS, names[LABELS], names.astype("S")[LABELS]):
        found = find_arrays(saved(tmp_path, images=IMAGES, labels=labels, **{name: names}))
        assert found.classes == ("dog", "cat", "ant")
        assert found.labels.tolist() == LABELS.tolist()


def test_labels_must_be_among_the_named_classes(tmp_path: Path) -> None:
    """A number or a text outside them is refused."""
    path = saved(tmp_path, images=IMAGES, labels=LABELS, classes=["a", "b"])
    assert refused(path) == (
        f"a label in {path} must be between 0 and 1, a place in 'classes', but is 2. Correct it, "
        "or add its class to 'classes'."
    )
    path = saved(tmp_path, images=IMAGES, labels=["a", "b", "x"] * 2, classes=["a", "b"])
    assert refused(path) == (
        f"a label in {path} must be among 'classes', but is 'x'. Correct it, or add its class to "
        "'classes'."
    )
    path = saved(tmp_path, images=IMAGES, labels=LABELS, classes=[1, 2, 3])
    assert f"'classes' in {path} must be a list of texts, but is 'int64'." in refused(path)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (LABELS[:5], "must be as many as the 6 pictures, but is 5."),
        (LABELS + 0.5, "must be whole numbers or texts, but is 'float64'."),
        (np.zeros((6, 2, 2)), "must be one a picture, or one-hot rows, but is (6, 2, 2)."),
        (np.ones((6, 3)), "must be a single 1 among zeros in each row (row 0), but is [1.0, 1.0"),
        (np.eye(3)[LABELS] * 0.9, "(row 0), but is [0.9, 0.0, 0.0]."),
        (np.vstack([np.eye(3), np.zeros((3, 3))]), "(row 3), but is [0.0, 0.0, 0.0]."),
        (LABELS.astype(complex), "must be whole numbers or texts, but is 'complex128'."),
    ],
)
def test_other_labels_are_refused(tmp_path: Path, labels: Any, said: str) -> None:
    """The array, the rule and what was found are named."""
    path = saved(tmp_path, images=IMAGES, labels=labels)
    text = refused(path)
    assert text.startswith(f"'labels' in {path} must ")
    assert said in text


def test_parts_must_be_of_one_size(tmp_path: Path) -> None:
    """One array holds them all."""
    path = saved(tmp_path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:, :4], y_test=LABELS)
    assert refused(path) == (
        f"pictures in {path} must be of one size in all parts, but is [(4, 4), (5, 4)]."
    )


def test_arrays_of_other_names_are_refused(tmp_path: Path) -> None:
    """The names looked for and those found are said."""
    path = saved(tmp_path, pictures=IMAGES, labels=LABELS)
    text = refused(path)
    assert text.startswith(f"arrays in {path} must be named images and labels (or x and y; or ")
    assert "but is ['labels', 'pictures']" in text


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    """They could run anything."""
    path = saved(tmp_path, images=IMAGES, labels=np.array([{}, 1, "a", None, 2, 3], object))
    assert refused(path) == (
        f"file {path} holds Python objects, which could run anything when read. Write it again "
        "with numpy.savez(path, images=…, labels=…), as numbers and texts."
    )


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n", b"images,labels\n"])
def test_what_is_no_npz_is_not_taken_for_objects(tmp_path: Path, content: bytes) -> None:
    """NumPy itself would call any other file a pickle."""
    path = tmp_path / "photos.npz"
    path.write_bytes(content)
    assert refused(path) == (
        f"file {path} is cut short, or not a .npz. Write it again with numpy.savez(path, images=…, "
        "labels=…), as numbers and texts."
    )


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.95])
def test_a_cut_file_is_refused(tmp_path: Path, keep: float) -> None:
    """Whatever is left of it, it is named."""
    path = saved(tmp_path, images=IMAGES, labels=LABELS)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    text = refused(path)
    assert text.startswith(f"file {path} ")


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    """The checksum of the archive is heeded."""
    path = saved(tmp_path, images=IMAGES, labels=LABELS)
    data = path.read_bytes()
    path.write_bytes(data.replace(IMAGES.tobytes(), IMAGES[::-1].tobytes()))
    assert f"file {path} cannot be read: Bad CRC-32" in refused(path)


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    """A .npy under another name has no labels."""
    np.save(tmp_path / "one.npy", IMAGES)
    path = (tmp_path / "one.npy").rename(tmp_path / "photos.npz")
    assert refused(path) == f"file {path} must be a .npz with images and labels in it."


def test_an_array_too_large_for_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header may claim any shape."""

    def huge(*_: object, **__: object) -> None:
        raise MemoryError

    path = saved(tmp_path, images=IMAGES, labels=LABELS)
    monkeypatch.setattr(np, "load", huge)
    text = refused(path)
    assert "claims to hold more than fits into memory" in text


def test_a_misleading_archive_is_refused(tmp_path: Path) -> None:
    """Encrypted members, and directories that point nowhere, are damage like any other."""
    path = saved(tmp_path, images=IMAGES, labels=LABELS)
    whole = path.read_bytes()
    encrypted, nowhere = bytearray(whole), bytearray(whole)
    entry = whole.index(b"PK\x01\x02")
    encrypted[entry + 8] |= 1
    path.write_bytes(encrypted)
    assert f"file {path} cannot be read: " in refused(path)
    # The size of the directory, so that members seem to begin before the file does.
    end = whole.index(b"PK\x05\x06")
    nowhere[end + 16 : end + 20] = (len(whole)).to_bytes(4, "little")
    path.write_bytes(nowhere)
    assert f"file {path} cannot be read: " in refused(path)
