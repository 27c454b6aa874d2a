"""Which champion is served."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bakeoff.champion.place import BOXED
from bakeoff.serving.choosing import newest


def test_what_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named, the box by its word; else the newest there is, else the box."""
    monkeypatch.chdir(tmp_path)
    assert newest("boxed") == newest(None) == str(BOXED)
    for number, name in enumerate(("old", "new")):
        folder = tmp_path / "bakeoffs" / name / "champion"
        folder.mkdir(parents=True)
        (folder / "manifest.json").touch()
        os.utime(folder / "manifest.json", (number, number))
    assert newest(None) == str(Path("bakeoffs/new/champion"))
    assert newest("bakeoffs/old") == str(Path("bakeoffs/old/champion"))
    assert newest("boxed") == str(BOXED)
