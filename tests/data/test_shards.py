"""Shards: written once, read in turn, shuffled all the same."""

from __future__ import annotations

import json
import shutil
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bakeoff.data.batches import Batches
from bakeoff.data.dataset import Dataset, load
from bakeoff.data.pack import Pack, pack
from bakeoff.data.sharding import shard
from bakeoff.data.shards import Shards, cuts, opened
from bakeoff.spec.errors import ArgumentError, DataError, SpecError, UserError
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.training.material import of_shards
from tests.data.test_batches import RICH, assert_same, numbers
from tests.training import jobs

fsspec = pytest.importorskip("fsspec")
torch.set_num_threads(1)

PICTURE = 8 * 8 * 3


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


def training(shards: Shards, **fields: Any) -> Batches:
    """Batches of the training part, shuffled and changed at random, but for what is named."""
    plain: dict[str, Any] = {
        "images": shards,
        "labels": shards.labels,
        "indices": shards.part("train"),
        "part": "train",
        "classes": 10,
        "batch": 32,
        "seed": 5,
        "augment": RICH,
        "shuffle": True,
        "drop_last": True,
    }
    return Batches(**(plain | fields))


def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of shards, as they are fetched from now on."""
    found: list[int] = []
    fetch = Shards._fetched

    def watched(self: Shards, number: int) -> Any:
        found.append(number)
        return fetch(self, number)

    monkeypatch.setattr(Shards, "_fetched", watched)
    return found


def in_memory(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many shards are held at each step from now on."""
    found: list[int] = []
    made: list[weakref.ref[Any]] = []
    fetch, gather = Shards._fetched, Shards._gathered

    def noted(self: Shards, number: int) -> Any:
        pictures = fetch(self, number)
        made.append(weakref.ref(pictures))
        return pictures

    def counted(self: Shards, rows: Any, held: Any) -> Any:
        found.append(sum(one() is not None for one in made))
        return gather(self, rows, held)

    monkeypatch.setattr(Shards, "_fetched", noted)
    monkeypatch.setattr(Shards, "_gathered", counted)
    return found


def refused(url: str) -> str:
    """What is said of shards that cannot be opened, or read to their end."""
    with pytest.raises(UserError) as caught:
        shards = opened(url)
        list(training(shards).epoch(0))
    assert "\n" not in str(caught.value)
    return str(caught.value)


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


def test_evaluation_reads_in_turn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not shuffled: every picture once, in order, unchanged, each shard fetched once, and never
    more of them in memory than are fetched ahead and needed."""
    shards = opened(folder.as_uri(), ahead=3)
    plain = training(shards, augment=Augment(), shuffle=False, drop_last=False)
    pictures = shards[shards.part("train")]
    got, held = fetched(monkeypatch), in_memory(monkeypatch)
    seen = list(plain.epoch(0))
    assert numbers(seen) == list(range(len(plain)))
    assert np.array_equal(torch.cat([batch.images for batch in seen]).numpy(), pictures)
    assert np.array_equal(torch.cat([batch.targets for batch in seen]), shards.labels[: len(plain)])
    assert sorted(got) == list(range(sum(one.part == "train" for one in shards.shards)))
    assert max(held) <= 3 + 2


def test_shuffled_epoch_sees_every_picture_once(folder: Path) -> None:
    """Each epoch holds every picture once, its own label with it, in an order of its own."""
    shards = opened(folder.as_uri())
    made = training(shards, drop_last=False, augment=Augment())
    pictures = shards[shards.part("train")]
    orders = []
    for epoch in (0, 1):
        seen = list(made.epoch(epoch))
        orders.append(numbers(seen))
        assert sorted(orders[-1]) == list(range(len(made)))
        for batch in seen:
            assert np.array_equal(batch.images, pictures[batch.indices])
            assert np.array_equal(batch.targets, shards.labels[batch.indices])
    assert orders[0] != orders[1]
    assert numbers(training(shards, seed=6).epoch(0)) != numbers(training(shards).epoch(0))
    assert numbers(training(shards).epoch(0)) == orders[0][: 32 * training(shards).steps_per_epoch]


def test_an_epoch_takes_each_shard_about_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read in turn: but for the borders of lanes no shard is fetched twice, and few are held."""
    shards = opened(folder.as_uri(), lanes=4, window=2, ahead=2)
    count = sum(one.part == "train" for one in shards.shards)
    got, held = fetched(monkeypatch), in_memory(monkeypatch)
    list(training(shards).epoch(0))
    # Those at a border are of two lanes, which come to them at other times.
    assert count <= len(got) <= count + 3
    # Two of each lane and two ahead; and those of the next window where one ends within a step.
    assert np.median(held) <= 4 * 2 + 2
    assert max(held) <= 4 * 2 * 2 + 2 < count


def test_batches_are_mixed(folder: Path) -> None:
    """A batch holds pictures of as many shards as are in memory, not of one; those that are in
    memory together are others in each epoch."""
    shards = opened(folder.as_uri(), lanes=4, window=2)
    begun = []
    for epoch in (0, 1):
        homes = [set(shards._shard_of(batch.indices)) for batch in training(shards).epoch(epoch)]
        assert min(map(len, homes)) >= 5
        begun.append(homes[0])
    assert begun[0] != begun[1]


def test_resumed_epoch_is_the_rest_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entered at a step, to the bit, the batches still to come; what is past is not fetched."""
    made = training(opened(folder.as_uri(), lanes=2))
    whole = list(made.epoch(3))
    got = fetched(monkeypatch)
    assert_same(list(made.epoch(3, start=len(whole) - 2)), whole[-2:])
    assert len(set(got)) <= 6
    assert list(made.epoch(3, start=len(whole))) == []


@pytest.mark.parametrize("world", [2, 3, 4])
@pytest.mark.parametrize("whole", [True, False])
def test_processes_share_each_step(folder: Path, world: int, whole: bool) -> None:
    """Slices laid together are, to the bit, the batch that one process would have had: no picture
    is seen twice and none left out, however many there are."""
    rest: dict[str, Any] = {} if whole else {"drop_last": False, "augment": Augment()}
    made = training(opened(folder.as_uri(), lanes=4), **rest)
    alone = list(made.epoch(2))
    parts = [list(replace(made, rank=rank, world=world).epoch(2)) for rank in range(world)]
    seen = sorted(number for part in parts for number in numbers(part))
    assert seen == sorted(numbers(alone)) == sorted(set(seen))
    assert len(seen) == len(made) - (len(made) % 32 if whole else 0)
    for step, batch in enumerate(alone):
        slices = [part[step] for part in parts]
        together = np.concatenate([piece.indices for piece in slices])
        assert np.array_equal(together, batch.indices)
        assert torch.equal(torch.cat([piece.images for piece in slices]), batch.images)
        assert torch.equal(torch.cat([piece.targets for piece in slices]), batch.targets)


def test_processes_read_different_shards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where their number divides that of the lanes, two processes share no shard but those at
    borders of lanes."""
    made = training(opened(folder.as_uri(), lanes=4))
    got = fetched(monkeypatch)
    shares: list[set[int]] = []
    for rank in range(4):
        got.clear()
        list(replace(made, rank=rank, world=4).epoch(0))
        shares.append(set(got))
    count = len(set.union(*shares))
    assert count == sum(one.part == "train" for one in opened(folder.as_uri()).shards)
    assert sum(map(len, shares)) <= count + 3
    assert max(map(len, shares)) <= count / 4 + 2


@pytest.mark.parametrize(("total", "ways"), [(32, 4), (33, 4), (7, 3), (1, 8), (0, 2), (16, 1)])
def test_cuts(total: int, ways: int) -> None:
    """Everything is given out once, and pairs stay together."""
    found = cuts(total, ways)
    assert found[0] == 0
    assert found[-1] == total
    assert found == sorted(found)
    assert len(found) == ways + 1
    assert all(at % 2 == 0 for at in found if at != total)


def test_more_lanes_than_a_batch_has_pairs(folder: Path) -> None:
    """Some lanes stay empty, and nothing else."""
    shards = opened(folder.as_uri(), lanes=50, window=1)
    made = training(shards, batch=6, drop_last=False)
    assert sorted(numbers(made.epoch(0))) == list(range(len(made)))


def test_the_engine_learns_from_shards(folder: Path) -> None:
    """Training takes them in the place of a pack, and ends twice in the same bits."""
    material = of_shards(opened(folder.as_uri()))
    held = jobs.end(jobs.job(jobs.stage(epochs=1, batch=64), material=material))
    again = of_shards(opened(folder.as_uri()))
    assert jobs.same(held, jobs.end(jobs.job(jobs.stage(epochs=1, batch=64), material=again)))
    assert held[1].probabilities.shape == (len(material.val), 10)


def test_leaving_early_stops_all_threads(folder: Path) -> None:
    """A consumer that breaks off leaves no thread behind."""
    for batch in training(opened(folder.as_uri())).epoch(0):
        assert batch.step == 0
        break
    left = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith(("prefetch", "shards")) for name in left)


def spoilt(path: Path) -> None:
    """One bit of a file turned over."""
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def test_a_damaged_shard_is_named(written: Path) -> None:
    """Which file of which place, and what is wrong with it."""
    path = written / "train-00003.npy"
    again = "Write the shards again, or get that file again from where it came from."
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
        f"{written.as_uri()}/shards.json is not what was written. Write the shards again"
    )


def test_what_is_no_place_of_shards(written: Path, tmp_path: Path) -> None:
    """Half-written, of a later Bakeoff, or no JSON at all."""
    index = written / "shards.json"
    told = json.loads(index.read_text())
    index.write_text(json.dumps(told | {"schema": 7}))
    assert refused(written.as_uri()) == (
        f"{index.as_uri()} is of schema 7, and this Bakeoff reads 1. Use the Bakeoff that wrote it."
    )
    index.write_text("{")
    assert "shards.json is not what was written." in refused(written.as_uri())
    index.unlink()
    assert refused(written.as_uri()) == (
        f"{index.as_uri()} is not there: these are no shards, or they were not written to the end. "
        "Write them again."
    )


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


def test_sampling_wants_any_picture_at_any_time(folder: Path) -> None:
    """Which shards do not give: said before the first step."""
    with pytest.raises(SpecError) as caught:
        training(opened(folder.as_uri()), balance=True)
    assert str(caught.value) == (
        "Stage.balance cannot be 'sampling' where pictures come in shards, which are read in turn. "
        "Take 'weights'."
    )


def test_reason_says_how_they_are_read(folder: Path) -> None:
    """Never kept on the device, and said so."""
    made = training(opened(folder.as_uri(), lanes=4, window=3))
    assert not made.is_resident
    assert made.reason == "read in shards, 4 lanes of 3"


def test_a_cache_of_fsspecs_own_serves(folder: Path) -> None:
    """A chained URL, which keeps on this disk what it fetched, gives the same."""
    kept = opened(f"simplecache::{folder.as_uri()}")
    assert_same(list(training(kept).epoch(0)), list(training(opened(folder.as_uri())).epoch(0)))
