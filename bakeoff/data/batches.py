"""A part of a dataset in batches, the same in every life of a run.

What an epoch holds is a pure function of the seed, the epoch and the declaration: there is no
state to save, and an epoch can be entered at any step. The pictures of a step are the same
however many processes share them, and so is all that chance does to each.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bakeoff.data.augment import augment
from bakeoff.data.draws import Draws, balanced, order
from bakeoff.data.memory import free_memory
from bakeoff.data.prefetch import prefetched
from bakeoff.data.shards import Shards, cuts
from bakeoff.spec.errors import DataError, SpecError
from bakeoff.spec.image import Augment

__all__ = ["Batch", "Batches"]

_CPU = torch.device("cpu")
_UNCHANGED = Augment()


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """One step's pictures, or this process's slice of them."""

    images: Tensor
    """uint8, B×H×W×3, on the device."""

    targets: Tensor
    """int64, B: the classes; or with MixUp or CutMix float32, B×classes: their shares."""

    indices: npt.NDArray[np.int64]
    """Number of each picture in the dataset."""

    epoch: int
    step: int

    total: int
    """Pictures of this step in all processes together."""


@dataclass(frozen=True, kw_only=True)
class _Slice:
    step: int
    first: int
    """Place in the epoch of the first picture."""

    places: npt.NDArray[np.int64]
    """Places in the part."""

    total: int


_Read = tuple[_Slice, Tensor, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Batches:
    """Labelled pictures of one part. As declared by default, for evaluation: in order, all of
    them, unchanged."""

    images: npt.NDArray[np.uint8] | Shards
    """All pictures of the dataset, N×H×W×3; may be memory-mapped, or read from shards as they come.
    Never written to."""

    labels: npt.NDArray[np.int64]
    """Class of each picture of the dataset."""

    indices: npt.NDArray[np.int64]
    """Which pictures make up the part."""

    part: str
    """The part's name, for messages."""

    classes: int
    """How many classes the dataset has."""

    batch: int
    """Pictures in a step, over all processes."""

    seed: int = 0
    device: torch.device = _CPU
    augment: Augment = _UNCHANGED
    shuffle: bool = False

    balance: bool = False
    """Whether a shuffled epoch shows each class equally often, and not each picture."""

    drop_last: bool = False
    """Leave out what is left over when the batches do not come out even: other pictures in each
    epoch, if they are shuffled."""

    rank: int = 0
    """Which of the processes that share each step this is, from 0."""

    world: int = 1
    """How many processes share each step."""

    resident: bool | None = None
    """Whether the pictures are kept on the device, or read by a thread as they are needed. None:
    kept, if that leaves half of the free memory free."""

    ahead: int = 2
    """Steps read in advance where pictures are not resident."""

    def __post_init__(self) -> None:
        assert len(self.images.shape) == 4, self.images.shape
        assert self.images.shape[0] == len(self.labels), (self.images.shape, len(self.labels))
        assert 0 <= self.rank < self.world, (self.rank, self.world)
        assert self.ahead >= 1, self.ahead
        assert not (self.resident and isinstance(self.images, Shards)), self.images
        count = len(self.indices)
        if count == 0:
            raise DataError(
                f"part {self.part!r}",
                "holds no pictures",
                suggestion="Give it a share in the split.",
            )
        if self.batch < 1:
            raise SpecError("Stage.batch", "must be 1 or more", self.batch)
        if self.balance and isinstance(self.images, Shards):
            rule = "cannot be 'sampling' where pictures come in shards, which are read in turn"
            raise SpecError("Stage.balance", rule, suggestion="Take 'weights'.")
        if self.drop_last and self.batch > count:
            raise SpecError(
                "Stage.batch",
                f"must be at most the {count} pictures of part {self.part!r}",
                self.batch,
                "Take a smaller batch, or more pictures.",
            )
        if self.world > 1 and self.batch < 2 * self.world:
            raise SpecError(
                "Stage.batch",
                f"must be at least {2 * self.world}, two pictures for each of {self.world} "
                "processes",
                self.batch,
                "Take a larger batch, or fewer processes.",
            )

    def __len__(self) -> int:
        """Pictures in the part."""
        return len(self.indices)

    @property
    def steps_per_epoch(self) -> int:
        whole, rest = divmod(len(self.indices), self.batch)
        return whole + (1 if rest and not self.drop_last else 0)

    @property
    def is_resident(self) -> bool:
        """Whether the pictures are kept on the device."""
        return self._residence[0]

    @property
    def reason(self) -> str:
        """Why they are, or are not, in a few words."""
        return self._residence[1]

    def epoch(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]:
        """The batches of an epoch, from step `start` on."""
        assert 0 <= start <= self.steps_per_epoch, (start, self.steps_per_epoch)
        slices = self._slices(epoch, start)
        if self.is_resident:
            for piece in slices:
                yield self._batch(epoch, piece, *self._kept(piece))
            return
        # Closed by name: a consumer that leaves early must not leave threads behind.
        with closing(self._reading(slices)) as read, closing(prefetched(read, self.ahead)) as ready:
            for piece, images, labels in ready:
                yield self._batch(epoch, piece, self._moved(images), self._moved(labels))

    def _slices(self, epoch: int, start: int) -> Iterator[_Slice]:
        count = len(self.indices)
        places = self._places(epoch)
        for step in range(start, self.steps_per_epoch):
            begin = step * self.batch
            total = min(self.batch, count - begin)
            low, high = (begin + at for at in cuts(total, self.world)[self.rank : self.rank + 2])
            yield _Slice(step=step, first=low, places=places[low:high], total=total)

    def _places(self, epoch: int) -> npt.NDArray[np.int64]:
        if not self.shuffle:
            return np.arange(len(self.indices))
        if self.balance:
            return balanced(self.labels[self.indices], self.seed, epoch)
        if isinstance(self.images, Shards):
            return self.images.order(self.indices, batch=self.batch, seed=self.seed, epoch=epoch)
        return order(len(self.indices), self.seed, epoch)

    def _batch(self, epoch: int, piece: _Slice, images: Tensor, labels: Tensor) -> Batch:
        indices = self.indices[piece.places]
        draws = Draws(
            seed=self.seed, epoch=epoch, step=piece.step, first=piece.first, indices=indices
        )
        images, targets = augment(images, labels, self.augment, draws, classes=self.classes)
        return Batch(
            images=images,
            targets=targets,
            indices=indices,
            epoch=epoch,
            step=piece.step,
            total=piece.total,
        )

    def _kept(self, piece: _Slice) -> tuple[Tensor, Tensor]:
        images, labels = self._store
        places = self._moved(torch.from_numpy(piece.places))
        return images.index_select(0, places), labels.index_select(0, places)

    def _reading(self, slices: Iterator[_Slice]) -> Generator[_Read, None, None]:
        """The slices with their pictures and labels, off the device."""
        if not isinstance(self.images, Shards):
            for piece in slices:
                rows = self.indices[piece.places]
                yield piece, self._read(self.images, rows), self._pin(self.labels[rows])
            return
        pieces = list(slices)
        steps = [self.indices[piece.places] for piece in pieces]
        with closing(self.images.read(steps)) as read:
            for piece, rows, pictures in zip(pieces, steps, read, strict=True):
                yield piece, self._pin(pictures), self._pin(self.labels[rows])

    def _read(self, held: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]) -> Tensor:
        shape = (len(rows), *held.shape[1:])
        images = torch.empty(shape, dtype=torch.uint8, pin_memory=self._pinned)
        # Read in the order they lie in the file, and laid down in the order they are wanted.
        by_place = np.argsort(rows, kind="stable")
        images.numpy()[by_place] = held[rows[by_place]]
        return images

    def _pin(self, array: npt.NDArray[np.uint8] | npt.NDArray[np.int64]) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self._pinned else tensor

    def _moved(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)

    @property
    def _pinned(self) -> bool:
        # Only from pinned memory does a copy to the GPU run beside other work.
        return self.device.type == "cuda"

    @cached_property
    def _store(self) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(self.images[self.indices]).to(self.device)
        return images, torch.from_numpy(self.labels[self.indices]).to(self.device)

    @cached_property
    def _residence(self) -> tuple[bool, str]:
        if self.resident is not None:
            return self.resident, "as asked"
        if isinstance(self.images, Shards):
            return False, f"read in shards, {self.images.lanes} lanes of {self.images.window}"
        need = len(self.indices) * int(np.prod(self.images.shape[1:]))
        free = free_memory(self.device)
        sizes = f"{need / 1e9:.2f} GB of pictures, {free / 1e9:.2f} GB free on {self.device}"
        if need <= free // 2:
            return True, f"kept on the device: {sizes}"
        return False, f"read as needed: {sizes}, of which half is left alone"
