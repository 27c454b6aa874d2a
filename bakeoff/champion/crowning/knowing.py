"""What a champion does not know: its threshold for "none of these", and how far that can be
trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.champion.crowning.foreign import KINDS, SCANS, foreign, scans
from bakeoff.champion.engine import Engine
from bakeoff.champion.record import Unknown
from bakeoff.champion.rehearsal import Rehearsal, seen
from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress
from bakeoff.evaluation.intervals import wilson
from bakeoff.evaluation.strangeness import strangeness
from bakeoff.evaluation.unknown import FALSE_ALARMS, fitted, least
from bakeoff.spec.image import Preprocess

__all__ = ["Knowing", "knowing"]

_MOST, _FEWEST = 200, 60
"""Foreign pictures of each kind, for small and for large ones."""

_PIXELS = 1_000_000
"""Of all pictures of a kind together, which decides between the two."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Knowing:
    """What comes of it."""

    unknown: Unknown | None
    told: Mapping[str, Any]
    """Of the threshold itself: what was asked, what was measured; or why there is none."""

    reference: Mapping[str, npt.NDArray[Any]]
    """What strangeness is measured against."""


def knowing(
    said: Rehearsal,
    engine: Engine,
    dataset: Dataset,
    target: Preprocess,
    temperature: float,
    *,
    progress: Progress,
) -> Knowing:
    """The threshold by what `engine` said of validation, measured on foreign pictures."""
    scores, features = said.outputs.scores, said.outputs.features
    found = fitted(scores, features, temperature)
    if found is None:
        why_not = (
            f"it takes {least()} validation pictures to set a threshold at {FALSE_ALARMS:.0%} "
            f"false alarms, and there are {len(said.labels)}."
        )
        return Knowing(unknown=None, told={"why_not": why_not}, reference={})
    own = _own(said, dataset, target)
    rows = []
    kinds = len(KINDS) + 1
    for done, (kind, pictures) in enumerate(_foreign(own, dataset, target)):
        progress("looking at foreign pictures", done, kinds, "kinds")
        got = engine(pictures)
        strange = strangeness(found.method, got.scores, got.features, found.reference, temperature)
        share = wilson(int((strange > found.threshold).sum()), len(strange))
        rows.append(
            {
                "name": kind,
                "pictures": share.n,
                "recognised": share.value,
                "low": share.low,
                "high": share.high,
            }
        )
    progress("looking at foreign pictures", kinds, kinds, "kinds")
    return Knowing(
        unknown=Unknown(
            method=found.method,
            threshold=found.threshold,
            false_alarms=found.alarms.value,
            foreign=tuple(rows),
        ),
        told={
            "stated": FALSE_ALARMS,
            "pictures": len(said.labels),
            "alarms": asdict(found.alarms),
        },
        reference=found.reference,
    )


def _foreign(
    own: npt.NDArray[np.uint8], dataset: Dataset, target: Preprocess
) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    """Of each kind as many as of `own`; one kind at a time, as they take memory."""
    for kind in KINDS:
        yield kind, foreign(kind, own, count=len(own))
    digits = scans(target, dataset.classes, count=len(own))
    if digits is not None:
        yield SCANS, digits


def _own(said: Rehearsal, dataset: Dataset, target: Preprocess) -> npt.NDArray[np.uint8]:
    """Pictures of the champion's data, evenly from validation; as many as foreign ones are made."""
    assert target.size is not None
    count = min(_MOST, max(_FEWEST, _PIXELS // target.size**2))
    places = np.arange(count) * len(said.indices) // count
    return np.stack([seen(dataset, int(index), target) for index in said.indices[places]])
