"""The loop is closed: what people said becomes a dataset."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import bakeoff
from bakeoff.serving.journal.exporting import Exported, export, folder_name
from bakeoff.serving.journal.pictures import Pictures
from bakeoff.serving.journal.reading import Said
from bakeoff.spec.errors import UserError
from tests.pictures import digit, encoded
from tests.serving.journal.entries import digest

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    """A folder for kept pictures."""
    return Pictures(tmp_path / "pictures", most_bytes=10**7)


def keep(pictures: Pictures, number: int, kind: str = "PNG") -> str:
    """Keep one of the digits, under its digest."""
    data = encoded(digit(number), kind)
    pictures.keep(digest(data), data)
    return digest(data)


def said(sha256: str, label: str | None, minute: int = 0) -> Said:
    """What somebody said of a picture."""
    at = NOON + timedelta(minutes=minute)
    return Said(sha256=sha256, label=label, at=at, predicted="cat", probability=0.75)


def test_a_labelled_folder(tmp_path: Path, pictures: Pictures) -> None:
    """Pictures lie in folders of their classes, which bakeoff reads, and so is the manifest."""
    heard = [said(keep(pictures, n), "cat" if n % 2 else "dög") for n in range(6)]
    heard.append(said(keep(pictures, 7, "JPEG"), "cat"))
    out = tmp_path / "out"
    done = export(heard, pictures, out)
    assert (done.pictures, done.classes) == (7, {"cat": 4, "dög": 3})
    assert sorted(path.suffix for path in (out / "cat").iterdir()) == [".jpg", *[".png"] * 3]
    for source in (out, out / "manifest.csv"):
        found = bakeoff.load(source)
        assert (found.classes, len(found.labels)) == (("cat", "dög"), 7)
    assert not list(tmp_path.glob(".*"))


def test_people_who_disagree(tmp_path: Path, pictures: Pictures) -> None:
    """The class that most named is taken, of equals the one named last, and it is counted."""
    first, second, third = (keep(pictures, n) for n in range(3))
    heard = [
        *(said(first, label, n) for n, label in enumerate(("a", "a", "b", None))),
        *(said(second, label, n) for n, label in enumerate(("a", "b"))),
        said(third, None),
    ]
    done = export(heard, pictures, tmp_path / "out")
    assert (done.classes, done.conflicts, done.unlabelled) == ({"a": 1, "b": 1}, 2, 1)
    with (tmp_path / "out" / "manifest.csv").open(encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    row = rows[f"a/{first}.png"]
    assert (row["label"], row["votes"], row["against"]) == ("a", "2", "1")


def test_pictures_that_are_not_there(tmp_path: Path, pictures: Pictures) -> None:
    """What was not kept, or is no picture, is counted and left out."""
    pictures.keep(digest(b"no picture"), b"no picture")
    heard = [said(digest(b"gone"), "cat"), said(digest(b"no picture"), "cat")]
    done = export(heard, pictures, tmp_path / "out")
    assert done == Exported(
        pictures=0, classes={}, conflicts=0, unlabelled=0, not_kept=1, broken=1, renamed={}
    )


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("cat", "cat"),
        ("Hund, groß", "Hund, groß"),
        ("a/b\\c", "a%2Fb%5Cc"),
        ("../../etc", "%2E.%2F..%2Fetc"),
        (".", "%2E"),
        (".hidden", "%2Ehidden"),
        ("end. ", "end.%20"),
        ("100%", "100%25"),
        ("a\0\n", "a%00%0A"),
        ("Train", "%54rain"),
        ("nul.txt", "%6Eul.txt"),
        ("__MACOSX", "%5F_MACOSX"),
        ("", "%"),
        ("ö" * 300, "ö" * 100),
    ],
)
def test_names_of_folders(label: str, folder: str) -> None:
    """A class's name becomes a folder's that every system takes and that stays in its place."""
    assert folder_name(label) == folder


def test_classes_that_are_no_folders(tmp_path: Path, pictures: Pictures) -> None:
    """Each class has a folder of its own, also of names alike; the manifest has the true names."""
    labels = ("../up", "Cat", "cat", "test", "train")
    heard = [said(keep(pictures, n), labels[n % 5]) for n in range(50)]
    out = tmp_path / "out"
    done = export(heard, pictures, out)
    assert done.renamed == {
        "../up": "%2E.%2Fup", "cat": "cat%2", "test": "%74est", "train": "%74rain",
    }  # fmt: skip
    assert bakeoff.load(out / "manifest.csv").classes == labels
    assert len(bakeoff.load(out).classes) == 5
    assert {path.name for path in tmp_path.iterdir()} <= {"out", "pictures", "cache"}


def test_a_folder_that_is_in_use(tmp_path: Path, pictures: Pictures) -> None:
    """What is there already is not written into."""
    (tmp_path / "mine").touch()
    with pytest.raises(UserError) as caught:
        export([], pictures, tmp_path)
    assert str(caught.value) == (
        f"folder {tmp_path} must be a new or an empty folder. Name another one."
    )
