"""Archives: unpacked once, and never further than their folder."""

from __future__ import annotations

import io
import os
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bakeoff.data.cache import cache_folder
from bakeoff.data.sources import archive as module
from bakeoff.data.sources.archive import Limits, digest_of, is_archive_name, unpack
from bakeoff.spec.errors import DataError

FILES = {"photos/cat/1.jpg": b"one" * 100, "photos/dog/2.jpg": os.urandom(70_000), "note": b""}
KINDS = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.xz": "w:xz", ".tar.bz2": "w:bz2"}


def tar(path: Path, files: dict[str, bytes], change: Callable[[tarfile.TarInfo], None]) -> Path:
    """A tar whose members `change` may tamper with."""
    with tarfile.open(path, KINDS[next(k for k in sorted(KINDS) if path.name.endswith(k))]) as out:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            change(info)
            out.addfile(info, io.BytesIO(content))
    return path


def packed(path: Path, files: dict[str, bytes] = FILES) -> Path:
    """An archive of the kind its name says."""
    if path.suffix != ".zip":
        return tar(path, files, lambda _: None)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            info = zipfile.ZipInfo("x")
            # A ZipInfo tidies the name it is made with; an attacker's does not.
            info.filename = info.orig_filename = name
            info.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(info, content)
    return path


def refused(path: Path, limits: Limits = module.DEFAULT_LIMITS) -> str:
    """What is said when it is unpacked, having left nothing behind."""
    with pytest.raises(DataError) as caught:
        unpack(path, limits=limits)
    left = [p for p in cache_folder().rglob("*") if p.is_file() and p.suffix != ".lock"]
    assert [p for p in left if p.parent.name != "digests"] == []
    return str(caught.value)


ALL = [".zip", *KINDS]


@pytest.mark.parametrize("suffix", ALL)
def test_files_come_out_as_they_went_in(tmp_path: Path, cache: Path, suffix: str) -> None:
    """Every kind of archive gives the same files, inside the cache."""
    folder = unpack(packed(tmp_path / f"my photos{suffix}"))
    assert folder.parent == cache / "archives"
    assert folder.name.startswith(f"my_photos{suffix}-")
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found == FILES


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_empty_folders_stay(tmp_path: Path, suffix: str) -> None:
    """An empty class folder is not lost on the way, so that it can be said to be empty."""
    path = tmp_path / f"photos{suffix}"
    (tmp_path / "cat").mkdir()
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as out:
            out.write(tmp_path / "cat", "cat")
    else:
        with tarfile.open(path, "w") as archive:
            archive.add(tmp_path / "cat", "./cat")
    assert [p.name for p in unpack(path).iterdir()] == ["cat"]


def test_an_archive_is_unpacked_once(tmp_path: Path) -> None:
    """The second call finds the folder; a changed archive gets another one."""
    path = packed(tmp_path / "photos.zip")
    first = unpack(path)
    (first / "note").write_bytes(b"kept")
    assert unpack(path) == first
    assert (first / "note").read_bytes() == b"kept"
    packed(path, {"other": b"content"})
    assert unpack(path) != first


def test_a_digest_is_remembered_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large archive is not read through each time."""
    path = packed(tmp_path / "photos.zip")
    first = digest_of(path)
    monkeypatch.setattr(module, "sha256_of", lambda *_: "computed")
    assert digest_of(path) == first
    time.sleep(0.01)
    path.write_bytes(path.read_bytes()[::-1])
    assert digest_of(path) == "computed"


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_progress_is_told_in_bytes_of_the_archive(tmp_path: Path, suffix: str) -> None:
    """Unpacking runs from none to all of the packed bytes."""
    path = packed(tmp_path / f"photos{suffix}")
    said: list[tuple[int, int | None, str]] = []

    def progress(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        if task == f"unpacking photos{suffix}":
            said.append((done, total, unit))

    unpack(path, progress)
    size = path.stat().st_size
    assert said[0] == (0, size, "bytes")
    assert said[-1] == (size, size, "bytes")
    assert said == sorted(said)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../evil.jpg", "climbs out of its folder"),
        ("cat/../../evil.jpg", "climbs out of its folder"),
        ("cat/../evil.jpg", "climbs out of its folder"),
        ("/etc/evil.jpg", "climbs out of its folder"),
        ("C:/evil.jpg", "climbs out of its folder"),
        ("c:evil.jpg", "climbs out of its folder"),
        ("..\\evil.jpg", "has a backslash in its name"),
        ("cat\\evil.jpg", "has a backslash in its name"),
        ("x" * 300, "has a name that this disk cannot hold"),
    ],
)
def test_a_name_that_climbs_is_refused(tmp_path: Path, suffix: str, name: str, said: str) -> None:
    """The member is named, and nothing at all is unpacked."""
    path = packed(tmp_path / f"photos{suffix}", {"cat/good.jpg": b"", name: b"evil"})
    assert refused(path) == (
        f"{name!r} in {path} {said}; nothing was unpacked. "
        "Only plain files and folders with plain names are taken from an archive."
    )
    assert not list(tmp_path.rglob("evil*"))


def test_a_zero_byte_in_a_name_is_refused(tmp_path: Path) -> None:
    """Some tools stop reading there, others do not."""
    path = packed(tmp_path / "photos.zip", {"cat.jpg\0.exe": b"evil"})
    assert "'cat.jpg\\x00.exe' in " in refused(path)
    assert "has a zero byte in its name" in refused(path)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_name_that_comes_twice_is_refused(tmp_path: Path, suffix: str) -> None:
    """One member does not overwrite another, nor a folder a file."""
    twice = packed(tmp_path / f"twice{suffix}", {"cat/1.jpg": b"a", "./cat/1.jpg": b"b"})
    assert "'cat/1.jpg' in " in refused(twice)
    both = packed(tmp_path / f"both{suffix}", {"cat": b"a", "cat/1.jpg": b"b"})
    assert "is there twice, or once as a file and once as a folder" in refused(both)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_in_a_tar_is_refused(tmp_path: Path, kind: bytes) -> None:
    """Links of either kind are named, wherever they lead."""

    def change(info: tarfile.TarInfo) -> None:
        if info.name == "link":
            info.type, info.linkname, info.size = kind, "cat/1.jpg", 0

    path = tar(tmp_path / "photos.tar", {"cat/1.jpg": b"a", "link": b""}, change)
    assert f"'link' in {path} is a link; nothing was unpacked" in refused(path)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_in_a_tar_is_refused(tmp_path: Path, kind: bytes) -> None:
    """Devices and pipes are named."""

    def change(info: tarfile.TarInfo) -> None:
        info.type = kind

    path = tar(tmp_path / "photos.tar", {"device": b""}, change)
    assert f"'device' in {path} is neither a file nor a folder" in refused(path)


@pytest.mark.parametrize(
    ("mode", "said"), [(0o120777, "is a link"), (0o020666, "is neither a file nor a folder")]
)
def test_a_link_in_a_zip_is_refused(tmp_path: Path, mode: int, said: str) -> None:
    """Zip files keep links and devices as modes."""
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as out:
        info = zipfile.ZipInfo("link")
        info.external_attr = mode << 16
        out.writestr(info, "/etc/passwd")
    assert f"'link' in {path} {said}; nothing was unpacked" in refused(path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    """The member and the way out are named."""
    path = packed(tmp_path / "photos.zip", {"cat.jpg": b"a"})
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    path.write_bytes(data)
    assert refused(path) == (
        f"'cat.jpg' in {path} is encrypted. "
        "Unpack the archive with its password and name the folder instead."
    )


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_a_bomb_is_refused_while_it_unpacks(tmp_path: Path, suffix: str) -> None:
    """What comes out is counted against what went in."""
    path = packed(tmp_path / f"bomb{suffix}", {"cat.bmp": bytes(3_000_000)})
    text = refused(path, Limits(ratio=200, free=500_000))
    size = path.stat().st_size
    assert text == (
        f"archive {path} unpacks to more than 200 times its {size:,} bytes, as a decompression "
        "bomb does. If you trust it, unpack it yourself and name the folder instead."
    )


def test_a_zip_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    """Sizes in the headers are not believed: more bytes than announced are damage."""
    path = packed(tmp_path / "bomb.zip", {"cat.bmp": bytes(3_000_000)})
    data = path.read_bytes().replace((3_000_000).to_bytes(4, "little"), b"\x10\0\0\0")
    path.write_bytes(data)
    assert "is damaged, cut short or not an archive" in refused(path)


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_too_much_of_anything_is_refused(tmp_path: Path, suffix: str) -> None:
    """Members and bytes have limits of their own."""
    path = packed(tmp_path / f"photos{suffix}")
    assert "holds more than 2 members" in refused(path, Limits(members=2))
    assert "unpacks to more than 50,000 bytes" in refused(path, Limits(bytes=50_000))


def test_holes_in_a_tar_count_as_bytes(tmp_path: Path) -> None:
    """A sparse file of a few bytes that unpacks to many is a bomb as well."""
    header = tarfile.TarInfo("cat.bmp")
    header.type = tarfile.GNUTYPE_SPARSE
    raw = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    raw[483:495] = b"%011o\0" % 9_000_000
    raw[148:156] = b"%06o\0 " % (256 + sum(raw[:148]) + sum(raw[156:512]))
    path = tmp_path / "holes.tar"
    path.write_bytes(bytes(raw) + bytes(10240))
    assert "as a decompression bomb does" in refused(path, Limits(ratio=200, free=500_000))


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_a_cut_archive_is_refused(tmp_path: Path, suffix: str, keep: float) -> None:
    """Wherever it was cut, the archive is named and nothing half is kept."""
    path = packed(tmp_path / f"photos{suffix}", {f"{n}.jpg": os.urandom(5000) for n in range(20)})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    text = refused(path)
    assert text.startswith(f"archive {path} is damaged, cut short or not an archive (")
    assert text.endswith("Fetch or pack it again; zip, tar, tar.gz, tar.xz and tar.bz2 are read.")


def test_a_tar_cut_between_two_members_is_refused(tmp_path: Path) -> None:
    """Where a tar could end by its members alone, its closing zeros are missed."""
    path = packed(tmp_path / "photos.tar", {"1.jpg": bytes(512) + b"x", "2.jpg": b"y" * 512})
    path.write_bytes(path.read_bytes()[: 512 + 1024 + 512 + 512])
    assert "its end is missing" in refused(path)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_a_flipped_byte_is_noticed(tmp_path: Path, suffix: str) -> None:
    """Checksums inside archives are heeded."""
    path = packed(tmp_path / f"photos{suffix}", {"1.jpg": os.urandom(5000)})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    assert "is damaged, cut short or not an archive" in refused(path)


def test_archives_are_known_by_name() -> None:
    """Capitals do not matter; Keras's archives without a suffix are known too."""
    assert is_archive_name("A.ZIP")
    assert is_archive_name("b.tar.gz")
    assert is_archive_name("cifar-10-batches-py-target_archive")
    assert not is_archive_name("c.rar")


def test_a_zip_that_points_nowhere_is_refused(tmp_path: Path) -> None:
    """A directory that has members begin before the file does is damage."""
    path = packed(tmp_path / "photos.zip")
    data = bytearray(path.read_bytes())
    end = data.index(b"PK\x05\x06")
    data[end + 16 : end + 20] = len(data).to_bytes(4, "little")
    path.write_bytes(data)
    assert "is damaged, cut short or not an archive" in refused(path)
