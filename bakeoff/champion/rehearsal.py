"""The validation part once more, the way that a champion's answers will take: files decoded and
fitted anew, single precision, weights as they are shipped.

What is measured of a champion is measured on this. It has to be what the run said, or the run's
numbers are not the champion's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Engine, Outputs
from bakeoff.data.dataset import Dataset
from bakeoff.data.decode import decode, fit
from bakeoff.data.listing import FilePictures
from bakeoff.data.progress import Progress
from bakeoff.data.scan import in_order
from bakeoff.evaluation.phrases import count
from bakeoff.runs.run import Run
from bakeoff.spec.errors import DataError
from bakeoff.spec.image import Preprocess

__all__ = ["Rehearsal", "refuse_others", "rehearse", "seen"]

Pixels = npt.NDArray[np.uint8]

_BATCH = 64

_APART = 0.02
"""How far probabilities may lie from those that the run stored, in the mean over pictures of the
largest difference, as where a run is reopened. Runs predict in bf16 where they can, which makes a
tenth of it."""

_ACCURACY = 0.01
"""How far accuracy may lie from what the run said, where that is more than a few pictures."""

_FEW = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Rehearsal:
    """What the artifact says of validation."""

    outputs: Outputs
    labels: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]

    apart: float
    """From what the run stored: the mean of the largest difference of a picture."""

    others: int
    """Pictures whose answer is another than the run's."""

    gained: int
    """Pictures that are right beyond those that were; negative where they are fewer."""


def seen(dataset: Dataset, index: int, target: Preprocess) -> Pixels:
    """A picture as the champion sees it."""
    pictures = dataset.pictures
    if isinstance(pictures, FilePictures):
        return decode(pictures.path(index), target, name=pictures.name(index))
    return fit(pictures.array[index], target)


def rehearse(
    engine: Engine, run: Run, dataset: Dataset, target: Preprocess, *, progress: Progress
) -> Rehearsal:
    """Look at all of validation, and compare with what the run said of it."""
    stored = run.predictions("val")
    indices, labels = stored["indices"], stored["labels"]
    found, done = [], 0
    progress("rehearsing on validation", 0, len(indices))
    for batch in _batches(dataset, indices, target):
        found.append(engine(batch))
        done += len(batch)
        progress("rehearsing on validation", done, len(indices))
    outputs = _together(found)
    differing = np.abs(_shares(outputs) - stored["probabilities"]).max(1)
    before, now = stored["probabilities"].argmax(1), outputs.scores.argmax(1)
    return Rehearsal(
        outputs=outputs,
        labels=labels,
        indices=indices,
        apart=float(differing.mean()),
        others=int((now != before).sum()),
        gained=int((now == labels).sum()) - int((before == labels).sum()),
    )


def refuse_others(found: Rehearsal, run: Run, *, half: bool) -> None:
    """An error where the artifact does not answer as the run did."""
    few = max(_FEW, int(_ACCURACY * len(found.labels)))
    if found.apart <= _APART and abs(found.gained) <= few:
        return
    suggestion = (
        "Half precision may be too coarse for this network: leave --half out."
        if half
        else "The run's weights, the pictures or the libraries have changed since it ended. Train "
        "it again."
    )
    raise DataError(
        f"a champion of {run.path}",
        f"would not be what was measured: on {count(len(found.labels), 'validation picture')} its "
        f"probabilities are {found.apart:.3f} apart in the mean (at most {_APART:g}), and "
        f"{abs(found.gained)} {'more' if found.gained > 0 else 'fewer'} are right (at most {few})",
        suggestion=suggestion,
    )


def _batches(
    dataset: Dataset, indices: npt.NDArray[np.int64], target: Preprocess
) -> Iterator[Pixels]:
    pictures = in_order(lambda index: seen(dataset, int(index), target), indices)
    while some := list(islice(pictures, _BATCH)):
        yield np.stack(some)


def _together(found: list[Outputs]) -> Outputs:
    features = [one.features for one in found if one.features is not None]
    return Outputs(
        probabilities=np.concatenate([one.probabilities for one in found]),
        scores=np.concatenate([one.scores for one in found]),
        features=np.concatenate(features) if features else None,
    )


def _shares(outputs: Outputs) -> npt.NDArray[np.float64]:
    """Probabilities before any temperature, as runs store them."""
    scores = outputs.scores.astype(np.float64)
    shares = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))
