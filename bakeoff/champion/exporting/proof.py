"""What an export answers, held against the champion: nothing is handed out on trust.

It is opened by its own runtime, has to say of the goldens what the champion says, and is measured
anew on pictures that were kept out of training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from bakeoff.champion import goldens
from bakeoff.champion.champion import Champion
from bakeoff.champion.engine import Engine, Outputs
from bakeoff.champion.exporting.speed import Apart, Speed, race
from bakeoff.champion.goldens import Golden
from bakeoff.champion.rehearsal import seen
from bakeoff.data import machine
from bakeoff.data.dataset import Dataset
from bakeoff.data.decode import decode
from bakeoff.data.progress import Progress
from bakeoff.data.scan import in_order
from bakeoff.evaluation.difference import apart
from bakeoff.evaluation.spread import crossed
from bakeoff.spec.errors import DataError, ExportError

__all__ = ["LOSS", "PICTURES", "Agreement", "Proof", "agreement", "part_of", "prove", "refuse_loss"]

LOSS = 0.005
"""Accuracy that an export may cost."""

PICTURES = 2000
"""Of the part, at most; evenly taken. Two answers to the same pictures differ in few of them, and
that many tell a loss of half a percentage point from none."""

_BATCH = 64
_LEVEL = 0.95

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Of an export with its champion, on the same pictures."""

    part: str
    pictures: int
    same: float
    """Share of pictures that both give the same class."""

    worst: float
    """The largest difference of a probability."""

    accuracy: float
    champion: float
    """Accuracy of the champion."""

    difference: float
    """Of the export's accuracy less the champion's."""

    low: float
    high: float
    """The interval that holds it with 95%, for pictures like these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What was found out about one way to compute an export."""

    engine: str
    goldens: int
    worst: float
    """The largest difference of a probability on the goldens."""

    tolerance: float | None
    """None where that is only told: numbers of few bits are judged by accuracy."""

    agreement: Agreement | None
    speed: Speed


def prove(
    opened: Callable[[int], Engine],
    model: Champion,
    gold: Sequence[Golden],
    dataset: Dataset | None,
    *,
    coarse: bool = False,
    progress: Progress,
) -> Proof:
    """Hold an export, `opened` on so many threads, against the champion in torch. An error where
    the goldens come out otherwise, unless it is `coarse`: int8 moves probabilities, and what counts
    is accuracy."""
    target = model.recipe.preprocess
    engine = opened(machine.look().cores)
    # Where each call starts a process, few are made.
    batch = PICTURES if isinstance(engine, Apart) else _BATCH
    worst = goldens.replay(gold, _Patient(engine) if coarse else engine, target, model.classes)
    shown = np.stack([decode(one.content, target, name=one.file) for one in gold])
    return Proof(
        engine=engine.name,
        goldens=len(gold),
        worst=worst,
        tolerance=None if coarse else engine.tolerance,
        agreement=None
        if dataset is None
        else agreement(engine, model, dataset, batch=batch, progress=progress),
        speed=race(opened(1), model.engine, shown),
    )


def agreement(
    engine: Engine, model: Champion, dataset: Dataset, *, batch: int, progress: Progress
) -> Agreement:
    """Look at the part that the champion's own numbers are of, with both."""
    part = part_of(model)
    indices = dataset.split.parts()[part]
    count = min(PICTURES, len(indices))
    if not count:
        raise DataError(f"part {part!r} of {dataset.name}", "holds no pictures")
    indices = indices[np.arange(count) * len(indices) // count]
    shares: tuple[list[Floats], list[Floats]] = ([], [])
    done = 0
    progress("proving the export", 0, count)
    for pictures in _batches(model, dataset, indices, batch):
        for found, one in zip(shares, (engine, model.engine), strict=True):
            found.append(one(pictures).probabilities)
        done += len(pictures)
        progress("proving the export", done, count)
    got, wanted = (np.concatenate(found) for found in shares)
    return _compared(got, wanted, dataset.labels[indices], part)


def part_of(model: Champion) -> str:
    """The part that the champion was measured on: test where its bake-off opened that. To replay it
    is no other opening: the champion stands, and its export is the champion or is refused."""
    measured = model.record.metrics.get("measured", {})
    return str(measured.get("part", "val"))


def refuse_loss(proof: Proof, *, force: bool) -> None:
    """An error where the export costs too much accuracy."""
    found = proof.agreement
    if found is None or found.difference >= -LOSS or force:
        return
    raise ExportError(
        f"the export, computed by {proof.engine},",
        f"loses {-found.difference * 100:.2f} percentage points of accuracy "
        f"({found.accuracy:.2%} instead of {found.champion:.2%} on {found.pictures:,} pictures of "
        f"the {found.part} part, 95% interval of the difference {found.low * 100:+.2f} to "
        f"{found.high * 100:+.2f}), and {LOSS * 100:g} are allowed",
        suggestion="It was not written. Take another precision, or insist with --force.",
    )


class _Patient:
    """The same engine, whatever the goldens say."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name = engine.name
        self.tolerance = 1.0

    def __call__(self, pictures: Pixels) -> Outputs:
        return self._engine(pictures)


def _compared(got: Floats, wanted: Floats, labels: npt.NDArray[np.int64], part: str) -> Agreement:
    right, before = got.argmax(1) == labels, wanted.argmax(1) == labels
    found = apart(crossed(right, fixed=True), crossed(before, fixed=True))
    low, high = found.limits(_LEVEL)
    return Agreement(
        part=part,
        pictures=len(labels),
        same=float((got.argmax(1) == wanted.argmax(1)).mean()),
        worst=float(np.abs(got - wanted).max()),
        accuracy=float(right.mean()),
        champion=float(before.mean()),
        difference=found.value,
        low=low,
        high=high,
    )


def _batches(
    model: Champion, dataset: Dataset, indices: npt.NDArray[np.int64], batch: int
) -> Iterator[Pixels]:
    target = model.recipe.preprocess
    pictures = in_order(lambda index: seen(dataset, int(index), target), indices)
    while some := list(islice(pictures, batch)):
        yield np.stack(some)
