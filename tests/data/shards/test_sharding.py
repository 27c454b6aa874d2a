"""Shards: written once, by whoever comes first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from bakeoff.data import sharding
from bakeoff.data.dataset import Dataset
from bakeoff.data.pack import Pack
from bakeoff.data.remote import Remote
from bakeoff.data.sharding import shard
from bakeoff.data.shards import Shards, opened
from bakeoff.spec.errors import ArgumentError, DataError
from bakeoff.spec.image import Preprocess
from tests.data.shards import PICTURE
from tests.data.shards.reading import training
from tests.data.test_batches import assert_same


def test_shards_hold_what_the_pack_holds(source: tuple[Dataset, Pack], folder: Path) -> None:
    """Every picture of the two parts, with its label and its number; none of the test part."""
    dataset, packed = source
    shards = opened(folder.as_uri())
    pictures = shards[np.arange(len(shards))]
    assert np.array_equal(pictures, packed.pictures[shards.numbers])
    assert np.array_equal(shards.labels, dataset.labels[shards.numbers])
    assert shards.classes == dataset.classes
    assert shards.shape == (len(dataset.split.train) + len(dataset.split.val), 8, 8, 3)
    for name, part in (("train", dataset.split.train), ("val", dataset.split.val)):
        assert sorted(shards.numbers[shards.part(name)]) == sorted(part)
    assert not np.isin(dataset.split.test, shards.numbers).any()
    assert len(shards.part("test")) == 0


def test_shards_are_alike_and_mixed(folder: Path) -> None:
    """About as large as asked, the same size but for one, and no shard of a few classes."""
    shards = opened(folder.as_uri())
    counts = [one.pictures for one in shards.shards if one.part == "train"]
    assert max(counts) - min(counts) <= 1
    assert 48 <= min(counts) <= max(counts) <= 52
    assert all(len(set(shards.labels[begin : begin + 48])) >= 8 for begin in shards._begins)
    for one in shards.shards:
        assert (folder / one.file).stat().st_size == one.bytes
        # Any NumPy reads them.
        assert np.load(folder / one.file, allow_pickle=False).shape == (one.pictures, 8, 8, 3)


def test_written_twice_is_the_same(source: tuple[Dataset, Pack], folder: Path) -> None:
    """The same pack, size and seed give the same bytes, wherever they go; another seed others."""
    dataset, packed = source
    here = opened(folder.as_uri())
    there = shard(packed, dataset, "memory://alike", size=50 * PICTURE)
    assert there.digest == here.digest
    other = shard(packed, dataset, "memory://other", size=50 * PICTURE, seed=1)
    assert other.digest != here.digest
    assert not np.array_equal(other.numbers, here.numbers)
    assert_same(list(training(there).epoch(0)), list(training(here).epoch(0)))


def test_writers_whose_decoders_differ(
    source: tuple[Dataset, Pack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines that write at once, and decode otherwise, do not spoil each other's shards: the
    first index stands, and all that it names is as it says."""
    dataset, packed = source
    other = replace(packed, pictures=packed.pictures ^ np.uint8(1))
    write, begun = Remote.write, list[str]()

    def interrupted(self: Remote, name: str, content: bytes) -> None:
        write(self, name, content)
        if not begun:
            begun.append(name)
            shard(other, dataset, "memory://both", size=50 * PICTURE)

    monkeypatch.setattr(Remote, "write", interrupted)
    shards = shard(packed, dataset, "memory://both", size=50 * PICTURE)
    assert begun[0].startswith("train-00000-")
    pictures = shards[np.arange(len(shards))]
    assert np.array_equal(pictures, other.pictures[shards.numbers])


def test_who_waited_finds_them_written(
    source: tuple[Dataset, Pack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that waited for another of its machine reads what that one wrote."""
    monkeypatch.setenv("BAKEOFF_DATA", str(tmp_path / "cache"))
    dataset, _ = source
    place, written = (tmp_path / "shards").as_uri(), list[Shards]()

    class Waited:
        def __init__(self, path: Path) -> None:
            monkeypatch.setattr(sharding, "FileLock", FileLock)
            written.append(sharding.sharded(dataset, Preprocess(size=8), place))

        def acquire(self) -> None: ...

        def release(self) -> None: ...

    monkeypatch.setattr(sharding, "FileLock", Waited)
    found = sharding.sharded(dataset, Preprocess(size=8), place)
    assert [found.digest] == [one.digest for one in written]


def test_written_through_a_cache_of_fsspecs_own(source: tuple[Dataset, Pack]) -> None:
    """What is written goes to where the URL says, and not onto this disk."""
    dataset, packed = source
    shards = shard(packed, dataset, "simplecache::memory://through", size=50 * PICTURE)
    assert opened("memory://through").digest == shards.digest


def test_writing_refuses(source: tuple[Dataset, Pack], folder: Path) -> None:
    """What lies there is not written over, and parts are those there are."""
    dataset, packed = source
    with pytest.raises(DataError) as caught:
        shard(packed, dataset, folder.as_uri())
    assert str(caught.value) == (
        f"{folder.as_uri()} holds shards already. Give another URL, or remove them."
    )
    with pytest.raises(ArgumentError, match="parts must be of train, val, test, but is 'dev'"):
        shard(packed, dataset, "memory://none", parts=("dev",))
    with pytest.raises(ArgumentError, match="parts must name one part at least"):
        shard(packed, dataset, "memory://none", parts=())
