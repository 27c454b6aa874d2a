"""A part of a dataset in batches."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from bakeoff.data import batches as module
from bakeoff.data.batches import Batch, Batches
from bakeoff.spec.errors import DataError, SpecError
from bakeoff.spec.image import Augment

torch.set_num_threads(1)

RICH = Augment(
    flip="alternate", crop=1, rotation=10, brightness=0.3, trivial=True, cutout=2, mixup=1, cutmix=1
)
PART = np.arange(100, 10, -2)
"""45 of the 120 pictures, not in order."""


def stored() -> npt.NDArray[np.uint8]:
    """120 pictures; the first byte of each is its number."""
    images = np.random.default_rng(0).integers(0, 256, (120, 6, 6, 3), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(120)
    return images


def declared(**fields: Any) -> Batches:
    """Batches for evaluation, but for what is named."""
    plain: dict[str, Any] = {
        "images": stored(),
        "labels": np.arange(120) % 7,
        "indices": PART,
        "part": "train",
        "classes": 7,
        "batch": 8,
        "seed": 5,
    }
    return Batches(**(plain | fields))


def training(**fields: Any) -> Batches:
    """Batches for training with much augmentation, but for what is named."""
    return declared(**({"shuffle": True, "drop_last": True, "augment": RICH} | fields))


def numbers(batches: Iterable[Batch]) -> list[int]:
    """The pictures seen, in order."""
    return [int(index) for batch in batches for index in batch.indices]


def assert_same(left: list[Batch], right: list[Batch]) -> None:
    """Fail unless both hold the same batches, to the bit."""
    assert [batch.step for batch in left] == [batch.step for batch in right]
    for ours, theirs in zip(left, right, strict=True):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.targets, theirs.targets)
        assert (ours.indices == theirs.indices).all()
        assert (ours.epoch, ours.total) == (theirs.epoch, theirs.total)


@pytest.mark.parametrize("resident", [True, False])
def test_evaluation_sees_every_picture_once_in_order(resident: bool) -> None:
    """As declared by default: in the part's order, none left out, unchanged, with their labels."""
    images = stored()
    seen = list(declared(resident=resident).epoch(0))
    assert numbers(seen) == PART.tolist()
    for batch in seen:
        assert torch.equal(batch.images, torch.from_numpy(images[batch.indices]))
        assert torch.equal(batch.targets, torch.from_numpy(batch.indices % 7))
    assert [len(batch.images) for batch in seen] == [8, 8, 8, 8, 8, 5]
    assert [batch.step for batch in seen] == list(range(6))


@pytest.mark.parametrize("resident", [True, False])
def test_shuffled_epoch_sees_every_picture_once(resident: bool) -> None:
    """Shuffled, each epoch holds every picture once, in an order of its own."""
    shuffled = declared(shuffle=True, resident=resident)
    first, second = numbers(shuffled.epoch(0)), numbers(shuffled.epoch(1))
    assert sorted(first) == sorted(second) == sorted(PART)
    assert first != second
    assert first != PART.tolist()
    for batch in shuffled.epoch(0):
        assert (batch.images[:, 0, 0, 0].numpy() == batch.indices).all()


def test_drop_last_leaves_out_what_is_over() -> None:
    """Only whole batches, and the steps counted accordingly."""
    whole = declared(drop_last=True)
    assert whole.steps_per_epoch == 5
    assert [len(batch.images) for batch in whole.epoch(0)] == [8] * 5
    assert declared().steps_per_epoch == 6
    assert declared(batch=9).steps_per_epoch == declared(batch=9, drop_last=True).steps_per_epoch
    assert len(declared()) == 45


@pytest.mark.parametrize("resident", [True, False])
def test_resumed_epoch_is_the_rest_of_it(resident: bool) -> None:
    """Entering an epoch at a step gives, to the bit, the batches that were still to come."""
    whole = list(training(resident=resident).epoch(3))
    rest = list(training(resident=resident).epoch(3, start=2))
    assert_same(rest, whole[2:])
    assert list(training(resident=resident).epoch(3, start=5)) == []


@pytest.mark.parametrize("resident", [True, False])
def test_balanced_epochs(resident: bool) -> None:
    """Classes of unequal size are shown equally often, a picture that comes again is changed anew,
    an epoch is as long as it was and can be entered at any step; evaluation is left alone."""
    labels = np.where(np.arange(120) < 16, 1, 0)
    made = training(labels=labels, classes=2, balance=True, resident=resident, batch=9)
    whole = list(made.epoch(1))
    seen = numbers(whole)
    assert len(seen) == 45
    assert sorted(np.bincount(labels[seen])) == [22, 23]
    rare = [index for index in seen if labels[index] == 1]
    assert len(set(rare)) == 2
    pictures = torch.cat([batch.images for batch in whole])
    again = [pictures[place] for place, index in enumerate(seen) if index == rare[0]]
    assert not torch.equal(again[0], again[1])
    assert_same(list(made.epoch(1, 2)), whole[2:])
    assert numbers(declared(balance=True).epoch(0)) == PART.tolist()


def test_reading_ahead_changes_nothing() -> None:
    """Resident or read by a thread, one step ahead or seven: the same bits."""
    kept = list(training(resident=True).epoch(1))
    assert_same(list(training(resident=False, ahead=1).epoch(1)), kept)
    assert_same(list(training(resident=False, ahead=7).epoch(1)), kept)


def test_seed_and_epoch_change_order_and_draws() -> None:
    """Another seed, or another epoch, is another order."""
    base = numbers(training().epoch(0))
    assert numbers(training(seed=6).epoch(0)) != base
    assert numbers(training().epoch(1)) != base
    assert numbers(training().epoch(0)) == base


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("world", [2, 3, 4])
def test_processes_share_each_step(world: int, balance: bool) -> None:
    """Slices laid together are, to the bit, the batch that one process would have had."""
    made = training(balance=balance)
    alone = list(made.epoch(2))
    parts = [list(replace(made, rank=rank, world=world).epoch(2)) for rank in range(world)]
    for step, batch in enumerate(alone):
        slices = [part[step] for part in parts]
        assert all(piece.total == 8 for piece in slices)
        assert all(len(piece.images) > 0 for piece in slices)
        assert torch.equal(torch.cat([piece.images for piece in slices]), batch.images)
        assert torch.equal(torch.cat([piece.targets for piece in slices]), batch.targets)
        together = np.concatenate([piece.indices for piece in slices])
        assert (together == batch.indices).all()


def test_processes_share_a_last_batch_that_is_short() -> None:
    """In evaluation too each picture is seen by one process, and all take the same steps."""
    parts = [list(declared(rank=rank, world=4).epoch(0)) for rank in range(4)]
    assert [len(part) for part in parts] == [6] * 4
    assert sorted(index for part in parts for index in numbers(part)) == sorted(PART)
    assert {part[-1].total for part in parts} == {5}


def test_alternation_follows_the_epoch() -> None:
    """Each picture is seen as it is in one epoch and mirrored in the next."""
    images = torch.from_numpy(stored())
    batches = declared(shuffle=True, augment=Augment(flip="alternate"))
    mirrored: list[dict[int, bool]] = []
    for epoch in (0, 1):
        sides = {}
        for batch in batches.epoch(epoch):
            for index, shown in zip(batch.indices, batch.images, strict=True):
                sides[int(index)] = not torch.equal(shown, images[index])
                if sides[int(index)]:
                    assert torch.equal(shown, images[index].flip(1))
        mirrored.append(sides)
    assert all(mirrored[0][index] != mirrored[1][index] for index in mirrored[0])


@pytest.mark.parametrize("resident", [True, False])
def test_stored_pictures_are_never_written_to(tmp_path: Path, resident: bool) -> None:
    """Pictures mapped read-only are enough, and they and the kept ones stay as they were."""
    np.save(tmp_path / "pack.npy", stored())
    mapped = np.load(tmp_path / "pack.npy", mmap_mode="r")
    batches = training(images=mapped, resident=resident)
    first = list(batches.epoch(0))
    for batch in batches.epoch(1):
        batch.images.zero_()
    assert_same(list(batches.epoch(0)), first)
    assert (mapped == stored()).all()


def test_picture_listed_twice_is_changed_in_two_ways() -> None:
    """A part may repeat a picture; each time it is drawn for anew."""
    batches = declared(indices=np.full(16, 4), batch=16, augment=Augment(crop=2, rotation=20))
    (batch,) = batches.epoch(0)
    assert len({picture.numpy().tobytes() for picture in batch.images}) == 16


def test_leaving_early_stops_the_reader() -> None:
    """A consumer that breaks off leaves no thread behind."""
    for batch in training(resident=False).epoch(0):
        assert batch.step == 0
        break
    assert not any(thread.name == "prefetch" for thread in threading.enumerate())


def test_error_in_a_batch_stops_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread has ended as soon as the error is there, though it may be held for long."""

    def fail(*given: Any, **named: Any) -> None:
        raise RuntimeError("no memory for a picture")

    monkeypatch.setattr(module, "augment", fail)
    with pytest.raises(RuntimeError, match="no memory for a picture") as held:
        list(declared(resident=False).epoch(0))
    assert held.value is not None
    assert not any(thread.name == "prefetch" for thread in threading.enumerate())


def test_reader_errors_reach_the_consumer() -> None:
    """A picture that cannot be read is an error where the batch was asked for."""
    with pytest.raises(IndexError):
        list(declared(indices=np.array([3, 500]), resident=False).epoch(0))


def test_memory_decides_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are kept where they fill at most half of what is free, and the reason is told."""
    need = 45 * 6 * 6 * 3
    monkeypatch.setattr(module, "free_memory", lambda device: 2 * need)
    fits = declared()
    assert fits.is_resident
    assert fits.reason == "kept on the device: 0.00 GB of pictures, 0.00 GB free on cpu"
    monkeypatch.setattr(module, "free_memory", lambda device: 2 * need - 2)
    too_big = declared()
    assert not too_big.is_resident
    assert too_big.reason == (
        "read as needed: 0.00 GB of pictures, 0.00 GB free on cpu, of which half is left alone"
    )
    assert declared(resident=True).reason == "as asked"
    assert_same(list(fits.epoch(0)), list(too_big.epoch(0)))


@pytest.mark.parametrize(
    ("fields", "kind", "message"),
    [
        (
            {"indices": np.arange(0)},
            DataError,
            "part 'train' holds no pictures. Give it a share in the split.",
        ),
        ({"batch": 0}, SpecError, "Stage.batch must be 1 or more, but is 0."),
        (
            {"batch": 46, "drop_last": True},
            SpecError,
            "Stage.batch must be at most the 45 pictures of part 'train', but is 46. Take a "
            "smaller batch, or more pictures.",
        ),
        (
            {"batch": 7, "world": 4},
            SpecError,
            "Stage.batch must be at least 8, two pictures for each of 4 processes, but is 7. Take "
            "a larger batch, or fewer processes.",
        ),
    ],
)
def test_impossible_declarations_are_refused(
    fields: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """Each says what is wrong and the way out."""
    with pytest.raises(kind) as caught:
        declared(**fields)
    assert str(caught.value) == message


def test_batch_larger_than_the_part_is_one_batch_in_evaluation() -> None:
    """Nothing is left out, so nothing is wrong."""
    (batch,) = declared(batch=1000).epoch(0)
    assert len(batch.images) == 45


def test_variants_are_made_by_replacing() -> None:
    """A declared object gives its variants, which decide for themselves."""
    resident = declared(resident=True)
    assert resident.is_resident
    assert not replace(resident, resident=False).is_resident
