"""What a classifier keeps of its accuracy when pictures get worse: numbers, each with its n.

Which pictures, how they were made worse and what was said of them comes from elsewhere; here it
becomes figures and sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.intervals import Interval, clustered, wilson
from bakeoff.evaluation.phrases import count, listed, points, share
from bakeoff.evaluation.slices import Slice

__all__ = ["Cell", "Duplicates", "Row", "Stressed", "mean_of", "row"]

Flags = npt.NDArray[np.bool_]

_LISTED = 3
"""Strains and slices that are told in a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One strain at one step."""

    step: str
    accuracy: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One strain, over its steps."""

    name: str
    kind: str
    cells: tuple[Cell, ...]
    mean: Interval
    """Over steps, each picture counting once."""

    @property
    def title(self) -> str:
        """As people call it."""
        return self.name.replace("_", " ").replace("jpeg", "JPEG")


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicates:
    """What is left without copies of pictures that were learnt from."""

    leaked: int
    """Copies, exact or near, among the pictures that were looked at."""

    without: Interval | None
    """Accuracy on the others; None where there are none."""


@dataclass(frozen=True, kw_only=True)
class Stressed:
    """What was found. The same for the same champion, pictures and seed."""

    champion: str
    engine: str
    data: str
    digest: str
    """Of the dataset: pictures, labels, classes and split."""

    part: str
    pictures: int
    """That were made worse, drawn from the part by the seed."""

    side: int
    """Pixels: strains are laid on pictures as the network is given them."""

    seed: int
    clean: Interval
    """Of the same pictures, as they are."""

    rows: tuple[Row, ...]
    corruption: Interval | None
    """Mean corruption accuracy: over all fifteen at all five severities; None unless all of them
    were laid on."""

    whole: Interval
    """Of as many pictures of the part as were looked at as they are."""

    duplicates: Duplicates | None
    """None where the champion learnt from other data, so that nothing can be said of copies."""

    slices: tuple[Slice, ...]
    notes: tuple[str, ...] = ()
    """What has to be known before any number is believed."""

    sentences: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentences", tuple(_sentences(self)))

    @property
    def worst_slices(self) -> tuple[Slice, ...]:
        """Those that are clearly worse than the rest, the worst first."""
        worse = [one for one in self.slices if one.outcome == "worse"]
        return tuple(sorted(worse, key=lambda one: one.accuracy.value - one.rest.value))

    def to_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {"schema": 1, "kind": "stress", **asdict(self)}


def row(name: str, kind: str, steps: Sequence[str], correct: Flags) -> Row:
    """A strain's figures, from whether each picture was right at each step (steps × pictures)."""
    n = correct.shape[1]
    return Row(
        name=name,
        kind=kind,
        cells=tuple(
            Cell(step=step, accuracy=wilson(int(hits.sum()), n))
            for step, hits in zip(steps, correct, strict=True)
        ),
        mean=clustered(correct.mean(axis=0)),
    )


def mean_of(tables: Mapping[str, Flags], names: Sequence[str]) -> Interval | None:
    """The mean over strains, all of the same weight; None unless all of them are there."""
    if not set(names) <= tables.keys():
        return None
    return clustered(np.mean([tables[name].mean(axis=0) for name in names], axis=0))


def _sentences(found: Stressed) -> list[str]:
    told = [_corrupted(found), _hardest(found), _copies(found), _sliced(found)]
    return [one for one in told if one]


def _interval(one: Interval) -> str:
    return f"{share(one.value)} ({share(one.low)}–{share(one.high)})"


def _corrupted(found: Stressed) -> str:
    mean, clean = found.corruption, found.clean
    if mean is None:
        return f"As they are, {_interval(clean)} of {count(clean.n, 'picture')} are right."
    return (
        f"Under the 15 common corruptions at 5 severities, accuracy is {_interval(mean)} in the "
        f"mean, against {_interval(clean)} of the same {count(clean.n, 'picture')} as they are: "
        f"{points(clean.value - mean.value)} pp are lost."
    )


def _hardest(found: Stressed) -> str:
    if len(found.rows) < 2:
        return ""
    rows = sorted(found.rows, key=lambda one: one.mean.value)[:_LISTED]
    each = [f"{one.title} ({share(one.mean.value)})" for one in rows]
    return f"Hardest, in the mean over their steps: {listed(each)}."


def _copies(found: Stressed) -> str:
    told = found.duplicates
    if told is None:
        return ""
    of = count(found.whole.n, "picture")
    if not told.leaked:
        return (
            f"No picture among the {of} looked at as they are is a copy of one that was learnt "
            f"from: accuracy {_interval(found.whole)}."
        )
    copies = "is a copy of one" if told.leaked == 1 else "are copies of pictures"
    head = f"Of the {of} looked at as they are, {told.leaked:,} {copies} that was learnt from"
    head = head.replace("pictures that was", "pictures that were")
    if told.without is None:
        return f"{head}: nothing is left without them."
    return (
        f"{head}: accuracy is {_interval(found.whole)} with them and "
        f"{_interval(told.without)} of {told.without.n:,} without."
    )


def _sliced(found: Stressed) -> str:
    judged = sum(one.outcome != "too few" for one in found.slices)
    few = len(found.slices) - judged
    rest = f" {count(few, 'slice')} of fewer than 30 pictures were not judged." if few else ""
    if not judged:
        return "No slice has enough pictures to be compared with the rest."
    worst = found.worst_slices
    if not worst:
        return f"None of {count(judged, 'slice')} is clearly worse than the rest.{rest}"
    names = [_short(one) for one in worst]
    verb = "is" if len(worst) == 1 else "are"
    return (
        f"Of {count(judged, 'slice')}, {len(worst)} {verb} clearly worse than the rest: "
        f"{listed(names)}.{rest}"
    )


def _short(one: Slice) -> str:
    return repr(one.name) if one.kind == "class" else one.name
