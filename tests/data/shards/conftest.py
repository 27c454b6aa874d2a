"""Digits as shards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeoff.data.dataset import Dataset, load
from bakeoff.data.pack import Pack, pack
from bakeoff.data.sharding import shard
from bakeoff.spec.image import Preprocess
from tests.data.shards import PICTURE


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dataset, Pack]]:
    """1,797 digits and their pack."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_DATA", str(tmp_path_factory.mktemp("cache")))
        dataset = load("digits")
        yield dataset, pack(dataset, Preprocess(size=8))


@pytest.fixture(scope="module")
def folder(source: tuple[Dataset, Pack], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """They as shards of about fifty; not to be changed."""
    folder = tmp_path_factory.mktemp("shards") / "digits"
    dataset, packed = source
    shard(packed, dataset, folder.as_uri(), size=50 * PICTURE)
    return folder


@pytest.fixture
def written(folder: Path, tmp_path: Path) -> Path:
    """A copy of one's own."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))
