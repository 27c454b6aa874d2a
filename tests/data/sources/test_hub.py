"""Datasets on the hub."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from bakeoff.data.sources.hub import HubName, find_on_hub
from bakeoff.spec.errors import DataError, MissingExtraError
from tests.data.sources.test_embedded import features, write


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the hub's client says it downloaded to."""
    folder = tmp_path / "snapshots" / "0123abc"
    folder.mkdir(parents=True)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(folder))
    return folder


def refused(text: str) -> str:
    """What is said of the name."""
    with pytest.raises(DataError) as caught:
        find_on_hub(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "repository", "revision", "config"),
    [
        ("hf:owner/name", "owner/name", None, None),
        ("hf:ow-ner/na.me_2@main", "ow-ner/na.me_2", "main", None),
        ("hf:owner/name:small", "owner/name", None, "small"),
        ("hf:o/n@refs/convert/parquet:default", "o/n", "refs/convert/parquet", "default"),
    ],
)
def test_names_say_repository_revision_and_config(
    text: str, repository: str, revision: str | None, config: str | None
) -> None:
    """Only the repository must be there."""
    expected = HubName(repository=repository, revision=revision, config=config)
    assert HubName.parse(text) == expected


@pytest.mark.parametrize("text", ["hf:name", "hf:", "hf:a/b/c", "hf:a/b@", "hf:a/b:", "hf:a b/c"])
def test_other_names_are_refused(text: str) -> None:
    """The form is said."""
    assert refused(text) == (
        "name of a hub dataset must be hf:owner/name, with @revision and :config after it if "
        f"wanted, but is {text!r}."
    )


def test_what_is_asked_of_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Parquet files of the dataset, of the revision and config wanted."""
    write(tmp_path / "big" / "train-0.parquet", [0, 1], metadata=features())
    asked: list[Any] = []

    def download(*arguments: Any, **options: Any) -> str:
        asked.append((arguments, options))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    find_on_hub("hf:owner/name")
    find_on_hub("hf:owner/name@v2:big")
    options = {"repo_type": "dataset", "revision": None, "allow_patterns": ["*.parquet"]}
    assert asked == [
        (("owner/name",), options),
        (("owner/name",), options | {"revision": "v2", "allow_patterns": ["big/*.parquet"]}),
    ]


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        (
            "data/train-00000-of-00001.parquet",
            "data/validation-00000-of-00001.parquet",
            "data/test-00000-of-00001.parquet",
        ),
        ("plain/train/0000.parquet", "plain/validation/0000.parquet", "plain/test/0000.parquet"),
        ("train.parquet", "valid.parquet", "test.parquet"),
    ],
)
def test_parts_follow_the_names_of_files(snapshot: Path, train: str, val: str, test: str) -> None:
    """In every way the hub names them."""
    for number, name in enumerate((train, val, test), start=1):
        write(snapshot / name, [0, 1] * number, metadata=features())
    found = find_on_hub("hf:owner/pets")
    assert found.name == "pets"
    assert found.classes == ("cat", "dog")
    assert found.official is not None
    assert [(found.official == part).sum() for part in range(3)] == [2, 4, 6]


def test_a_config_is_chosen_by_name(snapshot: Path) -> None:
    """Others in the same repository are left alone."""
    write(snapshot / "small" / "train-0.parquet", [0, 1], metadata=features())
    write(snapshot / "large" / "train-0.parquet", [0, 1, 1], metadata=features())
    assert len(find_on_hub("hf:owner/pets:small")) == 2
    assert len(find_on_hub("hf:owner/pets:large")) == 3


def test_a_config_must_be_chosen_where_there_are_several(snapshot: Path) -> None:
    """They are listed; a misspelt one is answered with the nearest."""
    for config in ("small", "large"):
        write(snapshot / config / "train-0.parquet", [0, 1], metadata=features())
    assert refused("hf:owner/pets") == (
        "config of hf:owner/pets must be one of those it has, but is 'not given'. "
        "Known: large, small. Write hf:owner/pets:large, for instance."
    )
    assert "Did you mean 'small'?" in refused("hf:owner/pets:smal")


def test_a_dataset_without_parquet_is_refused(snapshot: Path) -> None:
    """The hub's own conversion is the way out."""
    write(snapshot / "other.parquet", [0, 1], metadata=features())
    assert refused("hf:owner/pets") == (
        "dataset hf:owner/pets must have Parquet files named after train, validation or test. "
        "Try the hub's own conversion: hf:owner/pets@refs/convert/parquet:default"
    )


def test_no_network_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the client raises becomes one paragraph."""

    def offline(*_: Any, **__: Any) -> str:
        raise ConnectionError("no route to host\nand much more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    assert refused("hf:owner/pets") == (
        "dataset hf:owner/pets could not be fetched from the hub (ConnectionError: no route to "
        "host). Check the name and the network; a private one needs `hf auth login`. Without "
        "network, copy the hub's cache here, or name a folder of the pictures."
    )


@pytest.mark.parametrize("lacking", ["huggingface_hub", "pyarrow"])
def test_the_hub_needs_an_extra(monkeypatch: pytest.MonkeyPatch, lacking: str) -> None:
    """Without either library the message says what to install."""
    monkeypatch.setitem(sys.modules, lacking, None)
    with pytest.raises(MissingExtraError) as caught:
        find_on_hub("hf:owner/pets")
    assert str(caught.value) == (
        "hf:owner/pets needs the optional part 'hub', which is not installed. "
        f"Install it with: {sys.executable} -m pip install 'bakeoff[hub]'"
    )
