"""What the engine learns from and chooses by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment
from bakeoff.training.material import FeatureBatches
from tests.training.jobs import material

CPU = torch.device("cpu")


def features(count: int = 10, *, batch: int = 4, views: int = 1, **more: object) -> FeatureBatches:
    """Features that say which picture and which view they are of."""
    made = [
        np.stack([np.arange(count), np.full(count, view)], 1).astype(np.float16)
        for view in range(views)
    ]
    labels = np.arange(count) % 3
    return FeatureBatches(
        views=tuple(made),
        labels=labels,
        batch=batch,
        device=CPU,
        **more,  # type: ignore[arg-type]
    )


def test_features_in_order() -> None:
    """For evaluation: all of them, as they come, in single precision."""
    batches = list(features().epoch(0))
    assert [len(batch.images) for batch in batches] == [4, 4, 2]
    assert torch.cat([batch.images[:, 0] for batch in batches]).tolist() == list(range(10))
    assert torch.cat([batch.targets for batch in batches]).tolist() == [i % 3 for i in range(10)]
    assert batches[0].images.dtype == torch.float32
    assert [batch.total for batch in batches] == [4, 4, 2]
    assert features().steps_per_epoch == 3


def test_shuffled_features() -> None:
    """For training: another order in each epoch and for each seed, whole batches only, each label
    with its features; an epoch can be entered at any step."""
    made = features(shuffle=True, seed=1)
    first, second = (list(made.epoch(epoch)) for epoch in (0, 1))
    assert made.steps_per_epoch == len(first) == 2
    shown = [batch.images[:, 0].tolist() for batch in first]
    assert shown != [batch.images[:, 0].tolist() for batch in second]
    other = features(shuffle=True, seed=2).epoch(0)
    assert shown != [batch.images[:, 0].tolist() for batch in other]
    for batch in first:
        assert batch.images[:, 0].tolist() == batch.indices.tolist()
        assert batch.targets.tolist() == (batch.indices % 3).tolist()
    assert next(made.epoch(0, 1)).images.tolist() == first[1].images.tolist()


def test_balanced_features() -> None:
    """Each class is shown equally often, each label with its features, and processes share it."""
    labels = np.array([0] * 15 + [1] * 3 + [2] * 2)
    made = replace(features(20, shuffle=True, balance=True), labels=labels)
    shown = [batch.indices for batch in made.epoch(1)]
    assert sorted(np.bincount(labels[np.concatenate(shown)])) == [6, 7, 7]
    for batch in made.epoch(1):
        assert batch.images[:, 0].tolist() == batch.indices.tolist()
        assert batch.targets.tolist() == labels[batch.indices].tolist()
    halves = [
        [b.indices.tolist() for b in replace(made, rank=rank, world=2).epoch(1)]
        for rank in range(2)
    ]
    assert [mine + yours for mine, yours in zip(*halves, strict=True)] == [
        one.tolist() for one in shown
    ]


def test_views_take_turns() -> None:
    """Each epoch sees the next view, and then the first again."""
    made = features(views=3, shuffle=True)
    seen = [set(next(made.epoch(epoch)).images[:, 1].tolist()) for epoch in range(5)]
    assert seen == [{0}, {1}, {2}, {0}, {1}]


def test_processes_share_features() -> None:
    """Two processes have different pictures of the same steps, and all of them together."""
    whole = list(features(shuffle=True).epoch(0))
    parts = [list(features(shuffle=True, rank=rank, world=2).epoch(0)) for rank in range(2)]
    for step, batch in enumerate(whole):
        mine, yours = (part[step].indices.tolist() for part in parts)
        assert mine + yours == batch.indices.tolist()
        assert [part[step].total for part in parts] == [4, 4]


def test_pictures_in_training_and_as_they_are() -> None:
    """Training is shuffled and changed, whole batches only; the plain parts are neither."""
    made = material()
    train = made.training(batch=10, augment=Augment(), seed=0, device=CPU)
    assert (train.shuffle, train.drop_last, len(train), train.steps_per_epoch) == (
        True,
        True,
        48,
        4,
    )
    val = list(made.plain("val", batch=8, device=CPU).epoch(0))
    assert np.concatenate([batch.indices for batch in val]).tolist() == made.val.tolist()
    assert torch.equal(val[0].images, torch.from_numpy(made.pictures[made.val[:8]]))


def test_small_parts_and_large_batches() -> None:
    """A batch larger than the part is the whole part; too small a one for all processes is
    refused."""
    made = material()
    assert made.training(batch=999, augment=Augment(), seed=0, device=CPU).steps_per_epoch == 1
    assert made.plain("val", batch=999, device=CPU).batch == 21
    with pytest.raises(SpecError, match="two pictures for each of 4 processes"):
        made.training(batch=7, augment=Augment(), seed=0, device=CPU, world=4)
