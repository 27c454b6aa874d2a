"""Cache entries: whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bakeoff.data.cache import cache_folder, entry, writing
from bakeoff.spec.errors import CacheError


def test_the_cache_moves_with_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BAKEOFF_DATA decides; without it the user's cache folder does."""
    monkeypatch.setenv("BAKEOFF_DATA", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("BAKEOFF_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    assert cache_folder() == tmp_path / "there" / "bakeoff"


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    """The first to ask fills the entry, everyone later finds it."""
    path = tmp_path / "entries" / "one"
    with entry(path, "the entry") as made:
        assert made is not None
        (made / "content").write_text("whole")
        assert not path.exists()
    with entry(path, "the entry") as made:
        assert made is None
    assert (path / "content").read_text() == "whole"


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    """An entry whose making failed is not there, nor is what was written of it."""
    path = tmp_path / "one"
    with pytest.raises(ZeroDivisionError), entry(path, "the entry") as made:
        assert made is not None
        (made / "content").write_text("half")
        _ = 1 / 0
    assert [left.name for left in tmp_path.iterdir() if not left.name.endswith(".lock")] == []


def test_a_killed_maker_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    """After SIGKILL in the middle, the next process makes the entry anew and clears the remains."""
    path = tmp_path / "one"
    code = (
        "import sys, time; from pathlib import Path; from bakeoff.data.cache import entry\n"
        f"with entry(Path({str(path)!r}), 'the entry') as made:\n"
        "    (made / 'content').write_text('half'); print('ready', flush=True); time.sleep(60)"
    )
    maker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert maker.stdout is not None
    assert maker.stdout.readline() == "ready\n"
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    maker.stdout.close()
    assert not path.exists()
    with entry(path, "the entry") as made:
        assert made is not None
        (made / "content").write_text("whole")
    assert (path / "content").read_text() == "whole"
    assert list(tmp_path.glob("*.making")) == []
    assert list(tmp_path.glob(".*.making")) == []


def test_all_of_an_entry_is_on_the_disk_before_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file and folder in it is synced, and a disk that fails to is heard."""
    path = tmp_path / "cache" / "one"
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_ino))
    with entry(path, "the entry") as made:
        assert made is not None
        for name in ("a/1", "a/2", "b/c/3"):
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_text(name)
    inside = {found.stat().st_ino for found in (path, *path.rglob("*"))}
    assert len(inside) == 7
    assert inside <= set(synced)

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    other = tmp_path / "cache" / "other"
    with pytest.raises(CacheError), entry(other, "the entry") as made:
        assert made is not None
        (made / "content").write_text("whole")
    assert not other.exists()


def test_two_makers_make_it_once(tmp_path: Path) -> None:
    """Of several that ask at the same time, one makes the entry and the others wait for it."""
    path = tmp_path / "one"
    turns: list[str] = []

    def ask() -> None:
        with entry(path, "the entry") as made:
            if made is not None:
                time.sleep(0.05)
                (made / "content").write_text("whole")
            turns.append("made" if made is not None else (path / "content").read_text())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turns) == ["made", "whole", "whole", "whole"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "ran out of disk space while being written; nothing half-made was left"),
        (errno.EROFS, "cannot be written: no permission, or a read-only disk"),
        (errno.ENOTDIR, "cannot be written: a file stands where a folder is needed"),
    ],
)
def test_the_disks_refusals_are_said_in_words(tmp_path: Path, number: int, message: str) -> None:
    """A full or read-only disk is an error with the place and the way out."""
    with pytest.raises(CacheError) as caught, writing("the pack", tmp_path):
        raise OSError(number, os.strerror(number))
    assert str(caught.value).startswith(f"the pack in {tmp_path} {message}")
    assert "set BAKEOFF_DATA to a folder on another disk" in str(caught.value)


def test_a_file_in_the_caches_place_is_reported(tmp_path: Path) -> None:
    """A cache folder that is a file is named."""
    (tmp_path / "cache").write_text("")
    with (
        pytest.raises(CacheError, match="a file stands where a folder is needed"),
        entry(tmp_path / "cache" / "one", "the pack"),
    ):
        pass


@pytest.mark.parametrize("place", ["", "one", "one/in/it", ".one.0123.making"])
def test_whatever_is_wrong_with_the_place_is_said(tmp_path: Path, place: str) -> None:
    """Of it, of folders above it and of what is made on the way, in the system's words."""
    with pytest.raises(CacheError) as caught, writing("the pack", tmp_path / "one"):
        raise OSError(errno.EIO, "Input/output error", str(tmp_path / place))
    assert str(caught.value).startswith(
        f"the pack in {tmp_path / 'one'} cannot be written: input/output error."
    )


def test_other_files_errors_pass_unchanged(tmp_path: Path) -> None:
    """What is only read meanwhile, even from beside it, is not said to be unwritable."""
    with pytest.raises(FileNotFoundError), writing("the pack", tmp_path / "one"):
        (tmp_path / "another").read_bytes()


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    """What is not about writing is not dressed up as if it were."""
    with pytest.raises(OSError, match="strange"), writing("the pack", tmp_path):
        raise OSError(errno.EIO, "strange")
