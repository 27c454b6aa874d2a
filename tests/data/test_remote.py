"""Files behind URLs; what is said when they cannot be had is tested where champions are fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from bakeoff.data.remote import AbsentError, remote
from bakeoff.spec.errors import DataError

fsspec = pytest.importorskip("fsspec")
_Memory: Any = pytest.importorskip("fsspec.implementations.memory").MemoryFileSystem


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


def test_through_a_cache_of_fsspecs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written goes to where the URL says, and not onto this disk."""
    monkeypatch.chdir(tmp_path)
    place = remote("simplecache::memory://through")
    place.write("a/b", b"new")
    assert place.has("a/b")
    assert remote("memory://through/a/b").read() == b"new"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_folder(kind: str, tmp_path: Path) -> None:
    """All in it is listed with its size, however deep; taken away is what was there, and what was
    not is no error."""
    top = remote(tmp_path.as_uri() if kind == "file" else "memory://listed")
    place = top.below("a")
    assert place.names() == {}
    place.write("b/c", b"1")
    place.write("d", b"22")
    assert place.names() == {"b/c": 1, "d": 2}
    assert top.read("a/d") == b"22"
    place.remove("b")
    place.remove("b")
    assert place.names() == {"d": 2}
    place.remove()
    assert top.names() == {}
    with pytest.raises(AbsentError, match=r"/a/d is not there\."):
        place.read("d")


class _Server(_Memory):  # type: ignore[misc]
    """Has folders, in which alone something can be put; those at the top are not made by us."""

    protocol = "server"
    made: ClassVar[list[str]] = ["/top"]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("server://").strip("/")

    def pipe_file(self, path: str, value: bytes, **how: Any) -> None:
        if path.rpartition("/")[0] not in self.made:
            raise FileNotFoundError(path)
        super().pipe_file(path, value)

    def mkdir(self, path: str, create_parents: bool = True, **how: Any) -> None:
        assert not create_parents
        if path.rpartition("/")[0] not in self.made:
            raise FileNotFoundError(path)
        self.made.append(path)


def test_folders_are_made_but_no_bucket() -> None:
    """A server's folders are made where they are needed; a bucket that is missing was misspelt."""
    fsspec.register_implementation("server", _Server, clobber=True)
    remote("server://top/a/b").write("c", b"1")
    assert _Server.made == ["/top", "/top/a", "/top/a/b"]
    with pytest.raises(AbsentError, match="server://other/a/c is not there"):
        remote("server://other/a").write("c", b"1")
