"""The folder that a fitted classifier is kept in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bakeoff.runs.saving import Saved, read, write
from bakeoff.spec.errors import DataError
from tests.runs import little

SAVED = Saved(
    recipe=little.dense(),
    facts={"seed": np.int64(3), "classes": ["ä", "b"]},
    tensors={"weight": torch.randn(3, 4).T, "count": torch.tensor(7), "none": torch.empty(0)},
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Recipe, facts and tensors come back as they were, to the bit."""
    write(tmp_path / "deep" / "saved", SAVED)
    found = read(tmp_path / "deep" / "saved")
    assert found.recipe == SAVED.recipe
    assert (found.facts["seed"], found.facts["classes"]) == (3, ["ä", "b"])
    assert found.tensors.keys() == SAVED.tensors.keys()
    for name, tensor in SAVED.tensors.items():
        assert torch.equal(found.tensors[name], tensor)
        assert found.tensors[name].dtype == tensor.dtype


def test_the_folder_holds_json_and_safetensors(tmp_path: Path) -> None:
    """Nothing in the folder has to be run to be read, and nothing half-made lies beside it."""
    write(tmp_path / "saved", SAVED)
    names = ["classifier.json", "recipe.json", "weights.safetensors"]
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == names
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["saved"]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A folder with something in it is left alone; an empty one is taken."""
    (tmp_path / "saved").mkdir()
    write(tmp_path / "saved", SAVED)
    before = (tmp_path / "saved" / "classifier.json").read_bytes()
    with pytest.raises(DataError, match=r"holds something already\. Give another path, or remove"):
        write(tmp_path / "saved", SAVED)
    assert (tmp_path / "saved" / "classifier.json").read_bytes() == before


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses in the middle, neither the folder nor a part of it is there."""

    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bakeoff.runs.saving.sync", full)
    with pytest.raises(Exception, match="ran out of disk space"):
        write(tmp_path / "saved", SAVED)
    assert [path for path in tmp_path.iterdir() if path.name != "cache"] == []


@pytest.mark.parametrize("name", ["classifier.json", "recipe.json", "weights.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """A folder that lacks a file, or is none, is refused with the file's name."""
    write(tmp_path / "saved", SAVED)
    (tmp_path / "saved" / name).unlink()
    with pytest.raises(DataError, match=f"not a folder with a saved classifier: {name} is missin"):
        read(tmp_path / "saved")


@pytest.mark.parametrize("name", ["recipe.json", "weights.safetensors"])
def test_other_bytes_are_refused(tmp_path: Path, name: str) -> None:
    """A file that is not what was written is refused before it is used."""
    write(tmp_path / "saved", SAVED)
    with (tmp_path / "saved" / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(DataError, match=rf"{name} has other bytes than were written"):
        read(tmp_path / "saved")


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    """Facts that are not JSON, or lack what is always there, are refused; so is a newer folder."""
    write(tmp_path / "saved", SAVED)
    file = tmp_path / "saved" / "classifier.json"
    facts = json.loads(file.read_text())
    for text in ("{", "[]", "{}"):
        file.write_text(text)
        with pytest.raises(DataError, match=r"classifier.json is not what was written"):
            read(tmp_path / "saved")
    file.write_text(json.dumps({**facts, "schema": 2}))
    with pytest.raises(
        DataError, match=r"must be 1, the version this Bakeoff reads, but is 2\. Use"
    ):
        read(tmp_path / "saved")
