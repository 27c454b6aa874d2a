"""Pictures that are kept."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bakeoff.serving.journal.pictures import Pictures
from tests.serving.journal.entries import digest


def test_a_picture_is_kept_as_it_came(tmp_path: Path) -> None:
    """Its bytes lie under its digest, for nobody but the service's user, and once."""
    kept = Pictures(tmp_path / "pictures", most_bytes=1000)
    for _ in range(2):
        kept.keep(digest(b"cat"), b"cat")
    path = kept.path(digest(b"cat"))
    assert path.read_bytes() == b"cat"
    assert [one.stat().st_mode & 0o777 for one in (path, path.parent)] == [0o600, 0o700]
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert (kept.lost, kept.trouble) == (0, None)


def test_the_oldest_go(tmp_path: Path) -> None:
    """The folder stays within its bound; pictures that came again or were spoken of stay."""
    kept = Pictures(tmp_path, most_bytes=10_000)
    data = [bytes([n]) * 1000 for n in range(30)]
    for n, one in enumerate(data):
        kept.keep(digest(one), one)
        os.utime(kept.path(digest(one)), (1000 + n, 1000 + n))
        if n in (3, 4):
            kept.renew([digest(data[0]), "0" * 64])
            kept.keep(digest(data[1]), data[1])
        assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 10_000
    left = [n for n, one in enumerate(data) if kept.path(digest(one)).exists()]
    assert left[:2] == [0, 1]
    assert left[2:] == list(range(30 - len(left) + 2, 30))


def test_too_old_ones_go(tmp_path: Path) -> None:
    """After the given days a picture is removed, and so is what a crash left half-made."""
    kept = Pictures(tmp_path, most_bytes=10_000)
    for name in (b"old", b"new"):
        kept.keep(digest(name), name)
    half = kept.path(digest(b"old")).with_name(".half.1")
    half.touch()
    for path in (half, kept.path(digest(b"old"))):
        os.utime(path, (time.time() - 90_000,) * 2)
    kept.tidy(1)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [digest(b"new")]


def test_what_cannot_be_kept_is_counted(tmp_path: Path) -> None:
    """A name that is no digest, a picture beyond the bound, a folder that cannot be made."""
    kept = Pictures(tmp_path / "pictures", most_bytes=10)
    kept.keep("../../evil", b"x")
    kept.keep(digest(b"big" * 10), b"big" * 10)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "pictures").write_text("in the way")
    kept.keep(digest(b"x"), b"x")
    assert kept.lost == 3
    assert kept.trouble == f"{tmp_path / 'pictures'}: Not a directory"
    (tmp_path / "pictures").unlink()
    kept.keep(digest(b"x"), b"x")
    assert kept.trouble is None
