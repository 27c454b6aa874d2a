"""Shards that are not what was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.shards.reading import refused, spoilt


def test_a_damaged_shard_is_named(written: Path) -> None:
    """Which file of which place, and what is wrong with it."""
    (path,) = written.glob("train-00003-*.npy")
    again = (
        "Get that file again from where it came from; or delete the folder that it is in, and the "
        "command that wrote the shards writes them again."
    )
    spoilt(path)
    assert refused(written.as_uri()) == (
        f"{path.as_uri()} is damaged: its SHA-256 is not the one in shards.json. {again}"
    )
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    assert refused(written.as_uri()) == (
        f"{path.as_uri()} is damaged: it has {size - 1:,} bytes instead of {size:,}. {again}"
    )
    path.unlink()
    assert refused(written.as_uri()) == (
        f"{path.as_uri()} is not there. "
        "Look at the URL, and at whether what it names was written whole."
    )


def test_damaged_labels_are_found(written: Path) -> None:
    """Labels are as much of the data as pictures are."""
    spoilt(written / "labels.npy")
    assert "labels.npy is damaged: its SHA-256" in refused(written.as_uri())


@pytest.mark.parametrize(
    "change",
    [
        {"shards": [{"file": "../../secret.npy"}]},
        {"shards": []},
        {"shape": [8, 8]},
        {"files": {}},
        {"classes": 3},
    ],
)
def test_an_index_that_was_changed(written: Path, change: dict[str, Any]) -> None:
    """Nothing is read by an index that says something impossible."""
    index = json.loads((written / "shards.json").read_text())
    if change.get("shards"):
        change = {"shards": [{**index["shards"][0], **change["shards"][0]}]}
    (written / "shards.json").write_text(json.dumps(index | change))
    assert refused(written.as_uri()).startswith(
        f"{written.as_uri()}/shards.json is not what was written. Get that file again"
    )


def test_what_is_no_place_of_shards(written: Path, tmp_path: Path) -> None:
    """Half-written, of a later Bakeoff, or no JSON at all."""
    index = written / "shards.json"
    told = json.loads(index.read_text())
    index.write_text(json.dumps(told | {"schema": 7}))
    assert refused(written.as_uri()) == (
        f"{index.as_uri()} is of schema 7, and this Bakeoff reads 1. Use the Bakeoff that wrote it."
    )
    for text in ("{", "[" * 100_000):
        index.write_text(text)
        assert "shards.json is not what was written." in refused(written.as_uri())
    index.unlink()
    assert refused(written.as_uri()) == (
        f"{index.as_uri()} is not there, or may not be read: no shards, or they were not written "
        "to the end. Look at the URL, or write them again."
    )
