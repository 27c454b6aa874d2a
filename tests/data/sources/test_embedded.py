"""Parquet files with the pictures inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.data.listing import FilePictures, Listing
from bakeoff.data.sources.embedded import find_embedded, holds_pictures
from bakeoff.spec.errors import DataError
from tests.pictures import digit, encoded

PICTURES = [encoded(digit(number), kind) for number, kind in enumerate(("PNG", "JPEG", "GIF"))]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def features(label: str = "label", names: tuple[str, ...] = ("cat", "dog")) -> dict[bytes, bytes]:
    """What the hub's library writes about the columns."""
    told = {"image": {"_type": "Image"}, label: {"_type": "ClassLabel", "names": names}}
    return {b"huggingface": json.dumps({"info": {"features": told}}).encode()}


def write(
    path: Path,
    labels: list[Any],
    *,
    label: str = "label",
    metadata: dict[bytes, bytes] | None = None,
    pictures: list[Any] | None = None,
) -> Path:
    """A Parquet file as the hub keeps them."""
    if pictures is None:
        pictures = [{"bytes": PICTURES[n % 3], "path": f"{n}.png"} for n in range(len(labels))]
    columns = {"image": pa.array(pictures, IMAGE), label: pa.array(labels)}
    table = pa.table(columns).replace_schema_metadata(metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def found_in(files: dict[Path, int]) -> Listing:
    """The listing of these files."""
    return find_embedded(files, "pets", "a key")


def refused(files: dict[Path, int]) -> str:
    """What is said of these files."""
    with pytest.raises(DataError) as caught:
        found_in(files)
    return str(caught.value)


def test_pictures_are_written_out_as_they_are(tmp_path: Path) -> None:
    """Not a byte is changed, and suffixes follow the content."""
    found = found_in({write(tmp_path / "a.parquet", [1, 0, 1], metadata=features()): 0})
    assert isinstance(found.pictures, FilePictures)
    assert found.pictures.paths == (
        "train/00000000.png", "train/00000001.jpg", "train/00000002.gif",
    )  # fmt: skip
    for number, content in enumerate(PICTURES):
        assert found.pictures.path(number).read_bytes() == content
    assert found.classes == ("cat", "dog")
    assert found.labels.tolist() == [1, 0, 1]
    assert (found.name, found.official, found.notes) == ("pets", None, ())


def test_files_of_several_parts_are_the_official_split(tmp_path: Path) -> None:
    """Files are taken in the order of their names."""
    files = {
        write(tmp_path / "train-1", [1], metadata=features()): 0,
        write(tmp_path / "test-0", [0, 1], metadata=features()): 2,
        write(tmp_path / "train-0", [0], metadata=features()): 0,
    }
    found = found_in(files)
    assert found.official is not None
    assert found.official.tolist() == [2, 2, 0, 0]
    assert found.labels.tolist() == [0, 1, 0, 1]


def test_pictures_are_written_out_once(tmp_path: Path) -> None:
    """The second time the files are not read, and the listing is the same."""
    path = write(tmp_path / "a.parquet", [1, 0, 1], metadata=features())
    first = found_in({path: 0})
    path.write_bytes(b"")
    second = found_in({path: 0})
    assert first.pictures == second.pictures
    assert first.labels.tolist() == second.labels.tolist()


@pytest.mark.parametrize(
    ("labels", "classes"), [(["dog", "cat", "dog"], ("cat", "dog")), ([10, 9, 10], ("9", "10"))]
)
def test_labels_without_names_are_names(
    tmp_path: Path, labels: list[Any], classes: tuple[str, ...]
) -> None:
    """Without word from the hub's library, texts and numbers name classes themselves."""
    found = found_in({write(tmp_path / "a.parquet", labels): 0})
    assert found.classes == classes
    assert found.labels.tolist() == [1, 0, 1]


def test_fine_labels_are_taken_where_there_are_two_kinds(tmp_path: Path) -> None:
    """As CIFAR-100 has them on the hub."""
    path = write(tmp_path / "a.parquet", [1, 0], label="fine_label")
    table = pq.read_table(path).append_column("coarse_label", pa.array([0, 0]))
    pq.write_table(table.replace_schema_metadata(features("fine_label")), path)
    assert found_in({path: 0}).classes == ("cat", "dog")


def test_a_label_of_another_name_is_found_by_its_kind(tmp_path: Path) -> None:
    """The only column that the hub's library calls a class label is the label."""
    path = write(tmp_path / "a.parquet", [1, 0], label="animal", metadata=features("animal"))
    assert found_in({path: 0}).labels.tolist() == [1, 0]


def test_pictures_without_a_label_are_left_out(tmp_path: Path) -> None:
    """Missing labels and the hub's -1, with a note."""
    path = write(tmp_path / "a.parquet", [1, None, -1, 0], metadata=features())
    found = found_in({path: 0})
    assert found.labels.tolist() == [1, 0]
    assert found.notes == ("Left out 2 pictures without a label.",)


def test_progress_counts_pictures(tmp_path: Path) -> None:
    """From none to all."""
    said: list[tuple[int, int | None, str]] = []

    def progress(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        said.append((done, total, unit))

    path = write(tmp_path / "a.parquet", [0, 1] * 150, metadata=features())
    find_embedded({path: 0}, "pets", "a key", progress)
    assert said[0] == (0, 300, "pictures")
    assert said[-1] == (300, 300, "pictures")


def test_a_label_outside_the_names_is_refused(tmp_path: Path) -> None:
    """The range and the label are said."""
    path = write(tmp_path / "a.parquet", [0, 2], metadata=features())
    assert refused({path: 0}) == "a label in pets must be between 0 and 1, but is 2."


def test_pictures_that_are_elsewhere_are_refused(tmp_path: Path) -> None:
    """A path without bytes is no picture."""
    pictures = [{"bytes": None, "path": "a.png"}]
    path = write(tmp_path / "a.parquet", [0], pictures=pictures, metadata=features())
    assert refused({path: 0}) == (
        "picture in row 1 of pets is not in the file, only its path is. "
        "Only datasets with the pictures inside their Parquet files are read."
    )


def test_files_without_labels_are_refused(tmp_path: Path) -> None:
    """The names looked for and the columns found are said."""
    path = write(tmp_path / "a.parquet", [0, 1], label="kind")
    assert refused({path: 0}) == (
        f"columns of {path} must hold labels, in one called label or labels or fine_label or "
        "class, but is ['image', 'kind']."
    )


def test_files_that_disagree_are_refused(tmp_path: Path) -> None:
    """One class list holds for all files."""
    files = {
        write(tmp_path / "a", [0, 1], metadata=features()): 0,
        write(tmp_path / "b", [0, 1], metadata=features(names=("dog", "cat"))): 2,
    }
    assert refused(files) == (
        "files of pets must agree on their columns and classes, but is "
        "[('cat', 'dog'), ('dog', 'cat')]."
    )


def test_files_without_pictures_are_refused(tmp_path: Path) -> None:
    """A table of something else is named with its columns."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"], "label": [0]}), path)
    assert not holds_pictures(path)
    assert refused({path: 0}) == (
        f"columns of {path} must hold pictures, but is ['text', 'label']."
    )


def test_bare_bytes_are_pictures_too(tmp_path: Path) -> None:
    """A column of bytes called image needs no path beside it."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": PICTURES[:2], "label": ["cat", "dog"]}), path)
    assert holds_pictures(path)
    assert len(found_in({path: 0})) == 2


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Nothing half written stays in the cache."""
    path = write(tmp_path / "a.parquet", [0, 1], metadata=features())
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read as Parquet" in refused({path: 0})
    write(path, [0, 1], metadata=features())
    assert len(found_in({path: 0})) == 2


def test_damage_in_the_middle_is_refused(tmp_path: Path) -> None:
    """Pages that cannot be read are told like a file that cannot be opened."""
    path = write(tmp_path / "a.parquet", [0, 1] * 50, metadata=features())
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :])
    assert "cannot be read as Parquet" in refused({path: 0})
