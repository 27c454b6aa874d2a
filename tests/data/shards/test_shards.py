"""Shards: read in turn, shuffled all the same."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bakeoff.data.shards import cuts, opened
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment
from bakeoff.training.material import of_shards
from tests.data.shards.reading import fetched, in_memory, training
from tests.data.test_batches import assert_same, numbers
from tests.training import jobs


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


def test_a_shard_is_shuffled_anew(folder: Path) -> None:
    """Also alone in its window, its pictures come in another order in each epoch."""
    shards = opened(folder.as_uri(), lanes=1, window=1)
    rows = shards.part("train")
    orders = [shards.order(rows, batch=32, seed=5, epoch=epoch) for epoch in (0, 1)]
    first = [seen[shards._shard_of(rows[seen]) == 0].tolist() for seen in orders]
    assert sorted(first[0]) == sorted(first[1])
    assert first[0] != first[1]


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
