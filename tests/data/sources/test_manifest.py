"""Manifests: tables of paths and labels."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.data.listing import FilePictures, Listing
from bakeoff.data.sources.manifest import find_manifest
from bakeoff.spec.errors import DataError, MissingExtraError


def table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    """A manifest of this text."""
    path = tmp_path / "photos.csv"
    path.write_bytes(text.encode(encoding))
    return path


def rows(listing: Listing) -> list[tuple[str, str]]:
    """Path and class of each picture."""
    assert isinstance(listing.pictures, FilePictures)
    names = [listing.classes[label] for label in listing.labels.tolist()]
    return list(zip(listing.pictures.paths, names, strict=True))


def refused(path: Path) -> str:
    """What is said of the manifest."""
    with pytest.raises(DataError) as caught:
        find_manifest(path)
    return str(caught.value)


def test_rows_name_pictures_and_classes(tmp_path: Path) -> None:
    """Pictures come in the order of their paths; whether they exist is not asked here."""
    found = find_manifest(table(tmp_path, "path,label\nb.jpg,dog\nsub/./a.jpg,cat\na.jpg,dog\n"))
    assert rows(found) == [("a.jpg", "dog"), ("b.jpg", "dog"), ("sub/a.jpg", "cat")]
    assert isinstance(found.pictures, FilePictures)
    assert found.pictures.root == tmp_path.resolve()
    assert (found.name, found.official, found.groups, found.notes) == ("photos", None, None, ())


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_rows_does_not_matter(tmp_path: Path, order: int) -> None:
    """A shuffled manifest means the same dataset."""
    lines = ["b.jpg,dog,1\n", "a.jpg,cat,2\n", "c.jpg,cat,1\n"][::order]
    found = find_manifest(table(tmp_path, "path,label,group\n" + "".join(lines)))
    assert rows(found) == [("a.jpg", "cat"), ("b.jpg", "dog"), ("c.jpg", "cat")]
    assert found.groups is not None
    assert found.groups.tolist() == [0, 1, 1]


@pytest.mark.parametrize("header", ["path,label", "image,class", "File,Label", " filename , CLASS"])
def test_columns_have_a_few_names(tmp_path: Path, header: str) -> None:
    """Capitals and blanks do not matter."""
    found = find_manifest(table(tmp_path, f"{header}\na.jpg,cat\nb.jpg,dog\n"))
    assert rows(found) == [("a.jpg", "cat"), ("b.jpg", "dog")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_of_any_make_are_read(
    tmp_path: Path, delimiter: str, encoding: str, end: str
) -> None:
    """The usual delimiters, with and without a byte-order mark, and the lines of any system."""
    lines = [("path", "label", "split"), ("a.jpg", "cät", "train"), ('"b,;\t.jpg"', "dog", "test")]
    text = end.join(delimiter.join(line) for line in lines)
    found = find_manifest(table(tmp_path, text, encoding))
    assert rows(found) == [("a.jpg", "cät"), ("b,;\t.jpg", "dog")]


def test_splits_are_official(tmp_path: Path) -> None:
    """By any of their usual names."""
    text = "path,label,split\na,x,Train\nb,y,training\nc,x,val\nd,y,validation\ne,x,TEST\nf,y,valid"
    found = find_manifest(table(tmp_path, text))
    assert found.official is not None
    assert found.official.tolist() == [0, 0, 1, 1, 2, 1]


def test_a_split_of_one_part_is_noted(tmp_path: Path) -> None:
    """All in one part is no split."""
    found = find_manifest(table(tmp_path, "path,label,split\na,x,train\nb,y,train\n"))
    assert found.official is None
    assert found.notes == (
        "All pictures of photos.csv are marked 'train': there is no split in it.",
    )


def test_pictures_without_a_group_stand_alone(tmp_path: Path) -> None:
    """An empty group is not one group of everything else."""
    found = find_manifest(table(tmp_path, "path,label,group\na,x,g\nb,y,\nc,x,\nd,y,g\n"))
    assert found.groups is not None
    assert found.groups.tolist() == [0, 1, 2, 0]


def test_other_columns_are_noted(tmp_path: Path) -> None:
    """What is not used is named."""
    found = find_manifest(table(tmp_path, "path,width,label,by\na,1,x,me\nb,2,y,me\n"))
    assert found.notes == ("Columns not used: width, by.",)


def test_windows_paths_are_understood(tmp_path: Path) -> None:
    """Backslashes part folders."""
    found = find_manifest(table(tmp_path, "path,label\ncat\\1.jpg,cat\ndog\\1.jpg,dog\n"))
    assert rows(found) == [("cat/1.jpg", "cat"), ("dog/1.jpg", "dog")]


def test_a_picture_named_twice_alike_counts_once(tmp_path: Path) -> None:
    """Also when its path is written in two ways."""
    found = find_manifest(table(tmp_path, "path,label\na.jpg,cat\nx/../a.jpg,cat\nb.jpg,dog\n"))
    assert rows(found) == [("a.jpg", "cat"), ("b.jpg", "dog")]


def test_a_picture_with_two_meanings_is_refused(tmp_path: Path) -> None:
    """Two labels, two parts or two groups for one picture; both rows are named."""
    path = table(tmp_path, "path,label\na.jpg,cat\nb.jpg,dog\n\na.jpg,dog\n")
    assert refused(path) == (
        f"'a.jpg' in {path} must mean the same wherever it is named: row 2 says 'cat', split "
        "'train', row 5 'dog', split 'train'. Keep one of the rows."
    )
    path = table(tmp_path, "path,label,split\na.jpg,cat,train\na.jpg,cat,test\n")
    assert "row 2 says 'cat', split 'train', row 3 'cat', split 'test'" in refused(path)
    path = table(tmp_path, "path,label,group\na.jpg,cat,1\na.jpg,cat,2\n")
    assert "group '1', row 3 'cat', split 'train', group '2'" in refused(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",cat", "path in {row} must not be empty."),
        ("a.jpg, ", "label in {row} must not be empty."),
        ("a.jpg", "{row} must have 2 cells or more, but is 1. Is a delimiter missing, or a quote?"),
        (
            "https://x.org/a.jpg,cat",
            "path in {row} must be a file, not an address, but is 'https://x.org/a.jpg'. "
            "Download the picture first. Paths are relative to the manifest's folder.",
        ),
        (
            "/a.jpg,cat",
            "path in {row} must not be absolute, but is '/a.jpg'. "
            "Paths are relative to the manifest's folder.",
        ),
        ("C:\\a.jpg,cat", "path in {row} must not be absolute"),
        ("\\\\host\\a.jpg,cat", "path in {row} must not be absolute"),
        ("../a.jpg,cat", "path in {row} must not climb out of the manifest's folder"),
        ("x/../../a.jpg,cat", "path in {row} must not climb out of the manifest's folder"),
        ("x\\..\\..\\a.jpg,cat", "path in {row} must not climb out of the manifest's folder"),
        ("..,cat", "path in {row} must not climb out of the manifest's folder"),
        ('"a.jpg"x,cat', "{row} is not CSV: "),
    ],
)
def test_a_bad_row_is_named_by_its_number(tmp_path: Path, row: str, said: str) -> None:
    """The header is row 1, as a spreadsheet counts."""
    path = table(tmp_path, f"path,label\nb.jpg,dog\n{row}\n")
    assert said.format(row=f"row 3 of {path}") in refused(path)


def test_an_unknown_split_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """A misspelt part is named with its row."""
    path = table(tmp_path, "path,label,split\na.jpg,cat,trian\n")
    text = refused(path)
    assert text.startswith(
        f"split in row 2 of {path} must be a part of a split, but is 'trian'. Did you mean 'train'?"
    )
    path = table(tmp_path, "path,label,split\na.jpg,cat,\n")
    assert "must be a part of a split, but is ''. Known: test, testing, train" in refused(path)


@pytest.mark.parametrize(("header", "lacks"), [("name,label", "path"), ("path,kind", "label")])
def test_a_header_without_the_columns_is_refused(tmp_path: Path, header: str, lacks: str) -> None:
    """What columns may be called is said."""
    path = table(tmp_path, f"{header}\na.jpg,cat\n")
    text = refused(path)
    assert f"header of {path} must have a column for the {lacks}, called {lacks} or " in text
    assert f"but is {header.split(',')!r}" in text
    assert text.endswith(
        "The columns are path (or image, file, filename), label (or class), and if wanted split "
        "and group; commas, semicolons or tabs between them."
    )


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_table_is_refused(tmp_path: Path, text: str) -> None:
    """Nothing has no header."""
    assert "must have a column for the path" in refused(table(tmp_path, text))


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    """A header alone is not enough."""
    path = table(tmp_path, "path,label\n")
    assert refused(path) == f"manifest {path} has a header and no rows."


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    """Guessing would make two datasets of one."""
    path = table(tmp_path, "path,label\na.jpg,cät\n", "latin1")
    assert refused(path) == (
        f"manifest {path} must be UTF-8 (byte 18 is not). Save it again as UTF-8."
    )


def test_parquet_has_the_same_columns(tmp_path: Path) -> None:
    """Numbers for labels are taken as names; unused columns are not read."""
    path = tmp_path / "photos.parquet"
    columns = {
        "split": ["train", "test", "train"], "file": ["b", "a", "c"], "x": [0.5, 1, 2],
        "label": [10, 9, 9], "group": [None, "g", "g"],
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    found = find_manifest(path)
    assert rows(found) == [("a", "9"), ("b", "10"), ("c", "9")]
    assert found.classes == ("9", "10")
    assert found.official is not None
    assert found.official.tolist() == [2, 0, 0]
    assert found.groups is not None
    assert found.groups.tolist() == [0, 1, 0]
    assert found.notes == ("Columns not used: x.",)


def test_a_bad_parquet_row_is_named_by_its_number(tmp_path: Path) -> None:
    """Rows are counted from 1, and a missing value is an empty one."""
    path = tmp_path / "photos.parquet"
    pq.write_table(pa.table({"path": ["a", "b"], "label": ["cat", None]}), path)
    assert refused(path) == f"label in row 2 of {path} must not be empty."


def test_a_damaged_parquet_is_refused(tmp_path: Path) -> None:
    """Whatever the library says, the file is named."""
    path = tmp_path / "photos.parquet"
    path.write_bytes(b"PAR1 is not enough")
    text = refused(path)
    assert text.startswith(f"file {path} cannot be read as Parquet: ")
    assert text.endswith("Fetch or write it again.")


def test_parquet_needs_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow the message says what to install."""
    path = tmp_path / "photos.parquet"
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError) as caught:
        find_manifest(path)
    assert str(caught.value) == (
        f"Parquet file {path} needs the optional part 'parquet', which is not installed. "
        f"Install it with: {sys.executable} -m pip install 'bakeoff[parquet]'"
    )
