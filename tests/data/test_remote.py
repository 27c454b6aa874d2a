"""Files behind URLs; what is said when they cannot be had is tested where champions are fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.data.remote import remote
from bakeoff.spec.errors import DataError

pytest.importorskip("fsspec")


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_what_was_written_is_read(kind: str, tmp_path: Path) -> None:
    """Below a folder that was not there; in the place of what was."""
    place = remote((tmp_path / "a").as_uri() if kind == "file" else "memory://written/a")
    assert not place.has("b/c")
    place.write("b/c", b"first")
    place.write("b/c", b"second")
    assert place.has("b/c")
    assert not place.has("b")
    assert place.read("b/c") == b"second"
    assert place.shown("b/c") == f"{place.name}/b/c"
    assert remote(place.shown("b/c")).read() == b"second"


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """On a disk too: who reads the old file reads it to its end, and nothing else is left."""
    place = remote(tmp_path.as_uri())
    place.write("a", b"old" * 10)
    with (tmp_path / "a").open("rb") as reader:
        place.write("a", b"new")
        assert reader.read() == b"old" * 10
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a"]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    """Which file, and why; nothing is left behind."""
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match=r"/a cannot be written \(IsADirectoryError: .*\)\."):
        remote(tmp_path.as_uri()).write("a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
