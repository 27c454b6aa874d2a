"""What the engine learns from and chooses by: two parts of one dataset. There is no third."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bakeoff.data.batches import Batch, Batches
from bakeoff.data.draws import balanced, order
from bakeoff.data.shards import Shards
from bakeoff.spec.image import Augment

__all__ = ["FeatureBatches", "Material", "Source", "of_shards"]


class Source(Protocol):
    """Batches of pictures, or of what a frozen backbone made of them."""

    @property
    def steps_per_epoch(self) -> int: ...

    def epoch(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Packed pictures with their labels, and who trains and who chooses."""

    pictures: npt.NDArray[np.uint8] | Shards
    labels: npt.NDArray[np.int64]
    train: npt.NDArray[np.int64]
    val: npt.NDArray[np.int64]
    classes: int

    digest: str
    """Of the pictures and of what was done to them."""

    def training(
        self,
        *,
        batch: int,
        augment: Augment,
        seed: int,
        device: torch.device,
        balance: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> Batches:
        """The training part, shuffled and changed at random."""
        size = min(batch, len(self.train))
        return Batches(
            images=self.pictures,
            labels=self.labels,
            indices=self.train,
            part="train",
            classes=self.classes,
            batch=size,
            seed=seed,
            device=device,
            augment=augment,
            shuffle=True,
            balance=balance,
            # A last batch of a few pictures would weigh as much as a full one.
            drop_last=True,
            rank=rank,
            world=world,
        )

    def plain(self, part: str, *, batch: int, device: torch.device) -> Batches:
        """One of the two parts in order and unchanged."""
        indices = {"train": self.train, "val": self.val}[part]
        return Batches(
            images=self.pictures,
            labels=self.labels,
            indices=indices,
            part=part,
            classes=self.classes,
            batch=max(1, min(batch, len(indices))),
            device=device,
        )


def of_shards(shards: Shards) -> Material:
    """What was written as shards, with its parts for training and validation."""
    return Material(
        pictures=shards,
        labels=shards.labels,
        train=shards.part("train"),
        val=shards.part("val"),
        classes=len(shards.classes),
        digest=shards.digest,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureBatches:
    """Batches of features; the views of a picture take turns, an epoch each."""

    views: tuple[npt.NDArray[np.floating[Any]], ...]
    labels: npt.NDArray[np.int64]
    """Of the part's pictures, in the features' order."""

    batch: int
    """Pictures in a step, over all processes; at most all of them."""

    device: torch.device
    seed: int = 0
    shuffle: bool = False

    balance: bool = False
    """Whether a shuffled epoch shows each class equally often, and not each picture."""

    rank: int = 0
    """Which of the processes that share each step this is, from 0."""

    world: int = 1

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def steps_per_epoch(self) -> int:
        count = len(self.labels)
        return count // self.batch if self.shuffle else -(-count // self.batch)

    def epoch(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]:
        """The batches of an epoch, from step `start` on."""
        places = self._places(epoch)
        features, labels = self._views[epoch % len(self.views)], self._labels
        for step in range(start, self.steps_per_epoch):
            whole = places[step * self.batch : (step + 1) * self.batch]
            chosen = np.array_split(whole, self.world)[self.rank]
            rows = torch.from_numpy(chosen).to(self.device, non_blocking=True)
            yield Batch(
                images=features.index_select(0, rows).float(),
                targets=labels.index_select(0, rows),
                indices=chosen,
                epoch=epoch,
                step=step,
                total=len(whole),
            )

    def _places(self, epoch: int) -> npt.NDArray[np.int64]:
        if not self.shuffle:
            return np.arange(len(self.labels))
        if self.balance:
            return balanced(self.labels, self.seed, epoch)
        return order(len(self.labels), self.seed, epoch)

    @cached_property
    def _views(self) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(np.array(view)).to(self.device) for view in self.views)

    @cached_property
    def _labels(self) -> Tensor:
        return torch.from_numpy(self.labels).to(self.device)
