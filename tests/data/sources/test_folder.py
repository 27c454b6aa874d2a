"""Folders of class folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bakeoff.data.listing import FilePictures, Listing
from bakeoff.data.sources.folder import find_class_folders
from bakeoff.spec.errors import DataError


def make(root: Path, *paths: str) -> Path:
    """Empty files; sources do not open pictures."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    return root


def paths_of(listing: Listing) -> list[str]:
    """The paths in a listing."""
    assert isinstance(listing.pictures, FilePictures)
    return list(listing.pictures.paths)


def refused(root: Path) -> str:
    """What is said of the folder."""
    with pytest.raises(DataError) as caught:
        find_class_folders(root, "photos")
    return str(caught.value)


def test_each_folder_is_a_class(tmp_path: Path) -> None:
    """Pictures are listed in the order of code points, with those further down."""
    make(tmp_path, "dog/b.PNG", "dog/B.jpg", "dog/old/a.jpeg", "cat/1.webp", "cat/10.gif")
    make(tmp_path, "cat/2.tiff", "cat/3.tif", "cat/4.bmp", "cat/5.JPE")
    found = find_class_folders(tmp_path, "photos")
    assert found.name == "photos"
    assert found.classes == ("cat", "dog")
    assert paths_of(found) == [
        "cat/1.webp", "cat/10.gif", "cat/2.tiff", "cat/3.tif", "cat/4.bmp", "cat/5.JPE",
        "dog/B.jpg", "dog/b.PNG", "dog/old/a.jpeg",
    ]  # fmt: skip
    assert found.labels.tolist() == [0] * 6 + [1] * 3
    assert found.official is None
    assert found.notes == ()


def test_numbered_folders_keep_their_numbers(tmp_path: Path) -> None:
    """Folders 0 to 15 are classes 0 to 15."""
    make(tmp_path, *(f"{number}/a.png" for number in range(16)))
    found = find_class_folders(tmp_path, "photos")
    assert found.classes == tuple(str(number) for number in range(16))
    for path, label in zip(paths_of(found), found.labels.tolist(), strict=True):
        assert path == f"{label}/a.png"


def test_finding_twice_gives_the_same(tmp_path: Path) -> None:
    """The listing does not depend on the order the disk tells names in."""
    make(tmp_path, *(f"{name}/{number}.png" for number in range(9, 0, -1) for name in "bca"))
    one, two = (find_class_folders(tmp_path, "photos") for _ in range(2))
    assert paths_of(one) == paths_of(two) == sorted(paths_of(one))
    assert one.labels.tolist() == two.labels.tolist()


def test_litter_is_passed_over_in_silence(tmp_path: Path) -> None:
    """Hidden files and what systems leave behind count for nothing."""
    make(tmp_path, "cat/a.jpg", "dog/a.jpg", "cat/.hidden.jpg", ".git/x.jpg", "__MACOSX/cat/a.jpg")
    make(tmp_path, "cat/Thumbs.db", "cat/desktop.ini", "dog/__MACOSX/a.jpg", "dog/.DS_Store")
    found = find_class_folders(tmp_path, "photos")
    assert paths_of(found) == ["cat/a.jpg", "dog/a.jpg"]
    assert found.notes == ()


def test_what_is_left_out_is_noted(tmp_path: Path) -> None:
    """Other files and loose pictures are counted, with an example."""
    make(tmp_path, "cat/a.jpg", "dog/a.jpg", "cat/a.txt", "dog/b.XML", "dog/README")
    make(tmp_path, "z.jpg", "y.jpg", "LICENSE")
    assert find_class_folders(tmp_path, "photos").notes == (
        "Left out 2 pictures that lie in no class folder, such as y.jpg.",
        "Left out 4 files that are not pictures by their names (.txt, .xml, no suffix).",
    )


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "VALID", "Testing")], ids=str
)
def test_parts_above_the_classes_are_the_official_split(
    tmp_path: Path, names: tuple[str, str, str]
) -> None:
    """By any of their usual names, whatever the capitals."""
    for name in names:
        make(tmp_path, f"{name}/cat/a.jpg", f"{name}/dog/a.jpg")
    make(tmp_path, "loose.jpg")
    found = find_class_folders(tmp_path, "photos")
    assert found.classes == ("cat", "dog")
    assert found.official is not None
    for path, part in zip(paths_of(found), found.official.tolist(), strict=True):
        assert path.startswith(names[part])
    assert len(found) == 6
    assert "such as loose.jpg" in found.notes[0]


def test_two_parts_are_enough(tmp_path: Path) -> None:
    """A validation part need not be there."""
    make(tmp_path, "train/cat/a.jpg", "train/dog/a.jpg", "test/cat/a.jpg", "test/dog/a.jpg")
    found = find_class_folders(tmp_path, "photos")
    assert found.official is not None
    assert found.official.tolist() == [2, 2, 0, 0]


def test_a_wrapping_folder_is_looked_through(tmp_path: Path) -> None:
    """One folder that holds only folders is no class; a note says so."""
    make(tmp_path, "raw/photos/cat/a.jpg", "raw/photos/dog/a.jpg", "translate.py")
    found = find_class_folders(tmp_path, "photos")
    assert paths_of(found) == ["raw/photos/cat/a.jpg", "raw/photos/dog/a.jpg"]
    assert found.classes == ("cat", "dog")
    assert found.notes == ("Classes are looked for in raw/photos, the only folder.",)


def test_the_only_part_is_looked_through(tmp_path: Path) -> None:
    """Where all pictures are for training there is no split."""
    make(tmp_path, "train/cat/a.jpg", "train/dog/a.jpg")
    found = find_class_folders(tmp_path, "photos")
    assert (found.classes, found.official) == (("cat", "dog"), None)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    """Beside ordinary classes it is one of them, and a note says so."""
    make(tmp_path, "bus/a.jpg", "car/a.jpg", "train/a.jpg")
    found = find_class_folders(tmp_path, "photos")
    assert found.classes == ("bus", "car", "train")
    assert found.notes == ("Folder 'train' is taken for a class, not for a part.",)


def test_parts_and_classes_side_by_side_are_refused(tmp_path: Path) -> None:
    """Nobody can tell which is meant."""
    make(tmp_path, "train/cat/a.jpg", "test/cat/a.jpg", "extra/a.jpg")
    assert refused(tmp_path) == (
        f"folders in {tmp_path} must be parts of a split or classes, not both, but is "
        "['extra', 'test', 'train']. Move extra elsewhere, or the parts."
    )


def test_two_folders_for_one_part_are_refused(tmp_path: Path) -> None:
    """Both are named."""
    make(tmp_path, "train/a/1.jpg", "val/a/1.jpg", "valid/a/1.jpg")
    assert f"folders val and valid in {tmp_path} mean the same part" in refused(tmp_path)


def test_a_split_without_training_is_refused(tmp_path: Path) -> None:
    """There is nothing to learn from."""
    make(tmp_path, "val/a/1.jpg", "test/a/1.jpg")
    assert refused(tmp_path) == (
        f"split in {tmp_path} must have a folder train, but is ['test', 'val']."
    )


def test_parts_must_have_the_same_classes(tmp_path: Path) -> None:
    """The difference is named in both directions."""
    make(tmp_path, "train/cat/a.jpg", "train/dog/a.jpg", "test/cat/a.jpg", "test/dgo/a.jpg")
    assert refused(tmp_path) == (
        f"classes in {tmp_path / 'test'} must be those of the training folder: it lacks dog and "
        "has dgo, unknown in training. Name the folders alike, or take the part away."
    )


def test_a_test_part_without_classes_is_refused(tmp_path: Path) -> None:
    """Unlabelled pictures, as competitions have them, cannot test anything."""
    make(tmp_path, "train/cat/a.jpg", "train/dog/a.jpg", "test/1.jpg")
    assert "it lacks cat, dog" in refused(tmp_path)


@pytest.mark.parametrize(
    ("inside", "said"), [(None, ""), ("a.txt", ", only 1 other file"), (".hidden.jpg", "")]
)
def test_an_empty_class_is_refused(tmp_path: Path, inside: str | None, said: str) -> None:
    """The folder is named, and what else it holds."""
    make(tmp_path, "cat/a.jpg", "dog/a.jpg")
    (tmp_path / "bird").mkdir()
    if inside:
        make(tmp_path / "bird", inside)
    assert refused(tmp_path) == (
        f"class folder {tmp_path / 'bird'} holds no pictures{said}. Put some in (.jpg, .jpeg, "
        ".jpe, .png, .webp, .gif, .bmp, .tif, .tiff), or take it away."
    )


def test_one_class_is_refused(tmp_path: Path) -> None:
    """There is nothing to tell apart."""
    make(tmp_path, "cat/a.jpg", "cat/old/b.jpg")
    assert refused(tmp_path) == (
        "classes of photos must be two or more, or there is nothing to tell apart, but is ['cat']. "
        "Add pictures of another class."
    )


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ((), "Put the pictures of each class into a folder of their own: photos/cat, photos/dog."),
        (("a.jpg", "b.jpg"), "The pictures in it belong to no class. Put the pictures of each"),
        (("a.jpg", "labels.csv"), "If labels.csv says which picture is what, name it: {}/labels"),
    ],
)
def test_a_folder_without_class_folders_is_refused(
    tmp_path: Path, paths: tuple[str, ...], said: str
) -> None:
    """The way out depends on what lies there."""
    text = refused(make(tmp_path, *paths))
    assert text.startswith(f"folder {tmp_path} holds no class folders. ")
    assert said.format(tmp_path) in text


@pytest.mark.parametrize("link", ["cat/link.jpg", "bird"])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, link: str) -> None:
    """Links to files and to folders alike; the link and its target are named."""
    root, outside = make(tmp_path / "photos", "cat/a.jpg", "dog/a.jpg"), tmp_path / "outside"
    make(outside, "secret.jpg")
    (root / link).symlink_to(outside)
    assert refused(root) == (
        f"link {root / link} leads out of {root}, but is {str(outside)!r}. "
        "Put the pictures themselves there, or name the folder it leads to."
    )


def test_a_link_within_the_folder_is_left_out(tmp_path: Path) -> None:
    """No picture counts twice, nor does a link to itself or to its parent hang."""
    make(tmp_path, "cat/a.jpg", "dog/a.jpg")
    (tmp_path / "cat" / "again.jpg").symlink_to(tmp_path / "dog" / "a.jpg")
    (tmp_path / "dog" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "dog" / "up").symlink_to("..")
    found = find_class_folders(tmp_path, "photos")
    assert paths_of(found) == ["cat/a.jpg", "dog/a.jpg"]
    assert found.notes == (
        "Left out 3 links, such as cat/again.jpg: pictures count where they lie, not where links "
        "show them.",
    )


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    """A picture that was meant to be there is never left out in silence."""
    make(tmp_path, "cat/a.jpg", "dog/a.jpg")
    (tmp_path / "cat" / "gone.jpg").symlink_to("nowhere.jpg")
    assert refused(tmp_path) == (
        f"link {tmp_path / 'cat' / 'gone.jpg'} leads to {tmp_path / 'cat' / 'nowhere.jpg'}, where "
        "there is nothing. Put the picture itself there, or take the link away."
    )


def test_a_folder_named_by_a_link_is_read(tmp_path: Path) -> None:
    """The link a user types is meant."""
    make(tmp_path / "photos", "cat/a.jpg", "dog/a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert len(find_class_folders(tmp_path / "link", "photos")) == 2


def test_class_names_are_composed(tmp_path: Path) -> None:
    """An accent written as a mark of its own, as macOS does, gives the same class."""
    make(tmp_path, "cafe\u0301/a.jpg", "dog/a.jpg")
    assert find_class_folders(tmp_path, "photos").classes == ("caf\u00e9", "dog")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot make such a name")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 would mean something else elsewhere."""
    make(tmp_path, "cat/a.jpg", "dog/a.jpg", "dog/\udcff.jpg")
    assert refused(tmp_path) == (
        f"file name in {tmp_path / 'dog'} must be UTF-8, or it means something else on another "
        "system, but is '\\udcff.jpg'. Rename it."
    )
