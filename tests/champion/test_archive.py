"""A champion in one file: the same bytes each time, opened without trust."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bakeoff.champion import archive, manifest
from bakeoff.champion.opening import open as open_champion
from bakeoff.spec.errors import CacheError, DataError
from tests.champion import made


@pytest.fixture
def packed(champion: Path, tmp_path: Path) -> Path:
    """A champion in one file."""
    return archive.pack(champion, tmp_path / "mine.bakeoff")


def refused(path: Path) -> str:
    """What is said of a file, in one paragraph; nothing of it may be left anywhere."""
    with pytest.raises(DataError) as caught:
        archive.unpacked(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_round_trip(packed: Path, champion: Path) -> None:
    """What is unpacked has the bytes of what was packed, and answers the same."""
    folder, listed = archive.unpacked(packed)
    assert listed == manifest.verify(champion)
    for name in (*listed.files, "manifest.json"):
        assert (folder / name).read_bytes() == (champion / name).read_bytes()
    shown = made.picture(0, 5)
    answers = [open_champion(path, device="cpu").predict(shown) for path in (packed, champion)]
    assert answers[0] == answers[1]


def test_the_same_champion_gives_the_same_bytes(
    packed: Path, champion: Path, tmp_path: Path
) -> None:
    """Neither the time nor the order of the files on the disk is in the archive; nothing in it is
    compressed."""
    for name in sorted(manifest.verify(champion).files, reverse=True):
        content = (champion / name).read_bytes()
        (champion / name).unlink()
        (champion / name).write_bytes(content)
    again = archive.pack(champion, tmp_path / "again.bakeoff")
    assert again.read_bytes() == packed.read_bytes()
    with zipfile.ZipFile(packed) as held:
        assert {one.compress_type for one in held.infolist()} == {zipfile.ZIP_STORED}


def test_nothing_is_written_over(packed: Path, champion: Path) -> None:
    """A file that is there stays, unless it is meant."""
    with pytest.raises(DataError, match=r"mine\.bakeoff is there already\. Give another name\."):
        archive.pack(champion, packed)
    assert archive.pack(champion, packed, replace=True) == packed
    assert [path.name for path in packed.parent.iterdir() if "making" in path.name] == []


def test_what_is_broken_is_not_packed(champion: Path, tmp_path: Path) -> None:
    """Only what verifies is packed."""
    (champion / "README.md").write_text("# Better\n")
    with pytest.raises(DataError, match=r"README\.md of .* is not what was written"):
        archive.pack(champion, tmp_path / "mine.bakeoff")
    assert not (tmp_path / "mine.bakeoff").exists()


def test_opened_twice_unpacked_once(packed: Path, cache: Path) -> None:
    """The second opening finds what the first unpacked."""
    folder, _ = archive.unpacked(packed)
    before = (folder / "README.md").stat().st_mtime_ns
    assert archive.unpacked(packed)[0] == folder
    assert (folder / "README.md").stat().st_mtime_ns == before
    assert folder.parent == cache / "champions"


def test_what_was_changed_in_the_cache_is_made_again(packed: Path) -> None:
    """What lies in the cache is not trusted either."""
    folder, _ = archive.unpacked(packed)
    (folder / "README.md").write_text("# Better\n")
    assert archive.unpacked(packed)[0] == folder
    assert (folder / "README.md").read_text() == "# patterns\n"


def test_a_cache_that_cannot_be_written(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no room to unpack, it is said where room is needed."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BAKEOFF_DATA", str(tmp_path / "file"))
    with pytest.raises(CacheError, match="set BAKEOFF_DATA to a folder on another disk"):
        archive.unpacked(packed)


Attack = Callable[[zipfile.ZipFile], object]


def member(name: str, *, kind: int = stat.S_IFREG, how: int = zipfile.ZIP_STORED) -> Attack:
    """A member that should not be there."""

    def add(held: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = (kind | 0o644) << 16
        info.compress_type = how
        held.writestr(info, b"x" * 2000)

    return add


ATTACKS: dict[str, tuple[Attack, str]] = {
    "up": (member("../evil"), "'../evil' of {} would be written outside of the folder"),
    "inside up": (member("a/../../evil"), "'a/../../evil' of {} would be written outside"),
    "absolute": (member("/evil"), "'/evil' of {} would be written outside"),
    "backslash": (member("..\\evil"), r"'..\\evil' of {} would be written outside"),
    "drive": (member("C:evil"), "'C:evil' of {} would be written outside"),
    "link": (member("evil", kind=stat.S_IFLNK), "'evil' of {} is a link or a device"),
    "compressed": (
        member("README.txt", how=zipfile.ZIP_DEFLATED),
        "'README.txt' of {} is compressed, and a champion's files are stored as they are",
    ),
    "other case": (member("readme.MD"), "'readme.MD' of {} is there twice"),
    "foreign": (member("extra.txt"), "extra.txt of {} does not belong to the champion"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(packed: Path, cache: Path, tmp_path: Path, name: str) -> None:
    """What would leave the folder, swell, hide or be added is refused with its name, and leaves
    nothing behind."""
    attack, message = ATTACKS[name]
    before = sorted(tmp_path.iterdir())
    with zipfile.ZipFile(packed, "a") as held:
        attack(held)
    assert message.format(packed) in refused(packed)
    left = [path for path in cache.rglob("*") if not path.name.endswith(".lock")]
    assert left == [cache / "champions"] or left == []
    assert [path for path in sorted(tmp_path.iterdir()) if path != cache] == [
        path for path in before if path != cache
    ]


def test_the_same_name_twice(packed: Path) -> None:
    """Of two members with one name neither is taken."""
    with zipfile.ZipFile(packed, "a") as held, pytest.warns(UserWarning, match="Duplicate"):
        held.writestr("README.md", b"# Better\n")
    assert f"'README.md' of {packed} is there twice" in refused(packed)


def directory(packed: Path) -> int:
    """Where the first entry of the directory begins, at the end of an archive; the weights are
    kept in one of their own, and so is what they are compared with."""
    with zipfile.ZipFile(packed) as held:
        return held.start_dir


def test_encrypted(packed: Path) -> None:
    """A member that says it is encrypted is refused."""
    content = bytearray(packed.read_bytes())
    content[directory(packed) + 8] |= 1
    packed.write_bytes(content)
    assert "is encrypted, which a champion never is" in refused(packed)


def test_members_that_share_their_bytes(packed: Path) -> None:
    """An archive cannot hold more than it has bytes: how bombs of stored files are made."""
    content = bytearray(packed.read_bytes())
    place = directory(packed)
    for offset in (20, 24):
        content[place + offset : place + offset + 4] = (10**9).to_bytes(4, "little")
    packed.write_bytes(content)
    assert refused(packed).startswith(f"{packed} claims to hold more bytes than it has.")


def test_too_many_members(packed: Path) -> None:
    """A champion has a few files, not thousands."""
    with zipfile.ZipFile(packed, "a") as held:
        for place in range(1001):
            held.writestr(f"x{place}", b"")
    assert "and a champion at most 1,000" in refused(packed)


def test_every_flipped_byte_is_found_or_harmless(packed: Path) -> None:
    """Whatever byte of the archive is another, what is opened is the same champion, or nothing."""
    content = packed.read_bytes()
    digest = archive.unpacked(packed)[1].digest
    for place in range(0, len(content), max(1, len(content) // 150)):
        changed = bytearray(content)
        changed[place] ^= 0x10
        packed.write_bytes(changed)
        try:
            assert archive.unpacked(packed)[1].digest == digest
        except DataError as error:
            assert str(packed) in str(error)


def test_a_flipped_byte_of_a_file_names_it(packed: Path, champion: Path) -> None:
    """A file whose bytes were changed inside of the archive is named in plain words."""
    content = bytearray(packed.read_bytes())
    content[content.index((champion / "README.md").read_bytes())] ^= 1
    packed.write_bytes(content)
    assert refused(packed).startswith(
        f"README.md of {packed} is not what was packed: the archive was changed after it was made."
    )


def test_what_systems_add_to_a_zip(packed: Path) -> None:
    """What a system put into the zip is not unpacked; a foreign folder is refused though empty."""
    with zipfile.ZipFile(packed, "a") as held:
        held.writestr("goldens/.DS_Store", b"x")
    folder, _ = archive.unpacked(packed)
    assert not (folder / "goldens" / ".DS_Store").exists()
    with zipfile.ZipFile(packed, "a") as held:
        held.writestr("extra/", b"")
    assert f"extra/ of {packed} does not belong to the champion" in refused(packed)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"junk" * 100])
def test_what_is_no_zip(tmp_path: Path, content: bytes) -> None:
    """A file of that name that is none is refused in words."""
    path = tmp_path / "mine.bakeoff"
    path.write_bytes(content)
    assert refused(path).startswith(f"{path} cannot be read as a zip: it was cut or changed ")


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    """A zip without a manifest at its top is no champion."""
    path = tmp_path / "mine.bakeoff"
    with zipfile.ZipFile(path, "w") as held:
        held.writestr("champion/manifest.json", b"{}")
    assert "is not a champion: it holds no manifest.json at its top" in refused(path)
