"""Shared options, and what the shell completes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.cli.options import BUILT_IN_DATA, complete_data, paths
from bakeoff.data.sources.resolve import names


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a few things in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    (tmp_path / "photos" / "names.json").touch()
    (tmp_path / "cut.py").touch()
    (tmp_path / ".hidden").touch()
    return tmp_path


def test_every_dataset_with_a_name_is_described() -> None:
    """The names that are completed are the names that exist."""
    assert tuple(BUILT_IN_DATA) == names()


def test_data_completes_names_then_paths(here: Path) -> None:
    """DATA is completed by datasets' names and by what lies here."""
    assert [word for word, _ in complete_data("c")] == ["cifar10", "cifar100", "cut.py"]
    assert [word for word, _ in complete_data("ph")] == ["photos/"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["cut.py", "photos/"]),
        (".h", [".hidden"]),
        ("photos/", ["photos/cats/", "photos/names.json"]),
        ("photos/n", ["photos/names.json"]),
        ("nowhere/x", []),
    ],
)
def test_paths(here: Path, typed: str, found: list[str]) -> None:
    """Paths are completed below folders; hidden ones when asked for."""
    assert [word for word, _ in paths(typed)] == found


def test_paths_of_some_kinds(here: Path) -> None:
    """Only folders and files of the wanted kinds are offered."""
    assert [word for word, _ in paths("", (".json",))] == ["photos/"]
    assert [word for word, _ in paths(f"{here}/photos/", (".json",))] == [
        f"{here}/photos/cats/",
        f"{here}/photos/names.json",
    ]
