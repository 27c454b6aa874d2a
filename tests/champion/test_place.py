"""Which path is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.champion.place import BOXED, placed


def test_the_word_for_the_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The word, and nothing at all, mean the box; a folder of that name goes before it."""
    monkeypatch.chdir(tmp_path)
    assert placed(None) == placed("boxed") == placed(Path("boxed")) == BOXED
    assert placed("other/boxed") == Path("other/boxed")
    assert placed("~/x") == Path.home() / "x"
    (tmp_path / "boxed").mkdir()
    assert placed("boxed") == Path("boxed")
    assert placed(None) == BOXED
