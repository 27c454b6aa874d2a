"""How parts of the pictures fare, and which of them are worse than the rest, surely.

Of many slices some are low by chance. Each is tested against all other pictures (Fisher's exact
test), corrected by Holm for how many there are, and called worse only if that stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from bakeoff.evaluation.compare import holm
from bakeoff.evaluation.intervals import Interval, wilson
from bakeoff.evaluation.phrases import chance, count, points, share

__all__ = ["FEWEST", "Group", "Kind", "Slice", "by_class", "quarters", "sliced"]

Kind = Literal["class", "size", "brightness", "contrast"]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

FEWEST = 30
"""Pictures below which a slice is shown and not judged."""

LEVEL = 0.95

_WORDS: Mapping[Kind, tuple[str, str, str]] = {
    "size": ("smallest", "largest", "pixels of the shorter side"),
    "brightness": ("darkest", "brightest", "mean value, 0 to 255"),
    "contrast": ("lowest-contrast", "highest-contrast", "deviation of values, 0 to 128"),
}


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Group:
    """Some of the pictures."""

    kind: Kind
    name: str
    """As in "the darkest quarter"."""

    detail: str
    """What is in it, as in "mean value, 0 to 255: up to 84"; empty where the name says it."""

    members: Flags


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """How some of the pictures fare."""

    kind: Kind
    name: str
    detail: str
    accuracy: Interval
    rest: Interval
    """Of all other pictures."""

    p: float
    adjusted: float
    """After Holm's correction over the slices that are judged."""

    outcome: Literal["worse", "better", "can't tell", "too few"]
    words: str


def by_class(labels: npt.NDArray[np.int64], classes: Sequence[str]) -> list[Group]:
    """A group for each class that has pictures."""
    return [
        Group(kind="class", name=name, detail="", members=labels == place)
        for place, name in enumerate(classes)
        if (labels == place).any()
    ]


def quarters(values: Floats, kind: Kind) -> list[Group]:
    """Four groups of about the same size, by their values; fewer where many values are the same,
    and none where all are."""
    least, most, unit = _WORDS[kind]
    edges = np.unique(np.quantile(values, (0.25, 0.5, 0.75), method="inverted_cdf"))
    edges = edges[edges < values.max()]
    if not len(edges):
        return []
    place = np.searchsorted(edges, values, side="left")
    parts = _ORDINALS[len(edges) + 1]
    groups = []
    for number in range(len(edges) + 1):
        held = values[place == number]
        among = f"{unit}: {held.min():.0f} to {held.max():.0f}"
        ends = {0: f"the {least} {parts}", len(edges): f"the {most} {parts}"}
        middle = f"{kind} {number + 1} of {len(edges) + 1}"
        name = ends.get(number, middle)
        groups.append(Group(kind=kind, name=name, detail=among, members=place == number))
    return groups


_ORDINALS = {2: "half", 3: "third", 4: "quarter"}


def sliced(correct: Flags, groups: Sequence[Group]) -> tuple[Slice, ...]:
    """What can be said of each group that leaves others over, in the order given."""
    groups = [one for one in groups if 0 < one.members.sum() < len(correct)]
    judged = [_least(one.members) >= FEWEST for one in groups]
    p = [_fisher(correct, one.members) for one in groups]
    told = iter(holm([one for one, enough in zip(p, judged, strict=True) if enough]))
    return tuple(
        _slice(correct, one, p[place], next(told) if judged[place] else 1.0, judged[place])
        for place, one in enumerate(groups)
    )


def _least(members: Flags) -> int:
    return int(min(members.sum(), (~members).sum()))


def _slice(correct: Flags, one: Group, p: float, adjusted: float, enough: bool) -> Slice:
    inside, outside = correct[one.members], correct[~one.members]
    found = wilson(int(inside.sum()), len(inside), LEVEL)
    rest = wilson(int(outside.sum()), len(outside), LEVEL)
    outcome: Literal["worse", "better", "can't tell", "too few"] = "can't tell"
    if not enough:
        outcome = "too few"
    elif adjusted < 1 - LEVEL:
        outcome = "worse" if found.value < rest.value else "better"
    return Slice(
        kind=one.kind,
        name=one.name,
        detail=one.detail,
        accuracy=found,
        rest=rest,
        p=p,
        adjusted=adjusted,
        outcome=outcome,
        words=_words(one, found, rest, adjusted, outcome),
    )


def _words(one: Group, found: Interval, rest: Interval, adjusted: float, outcome: str) -> str:
    name = f"The class {one.name!r}" if one.kind == "class" else one.name[0].upper() + one.name[1:]
    figures = (
        f"{share(found.value)} of {count(found.n, 'picture')} "
        f"({share(found.low)}–{share(found.high)})"
    )
    if outcome == "too few":
        return f"{name}: {figures}; too few to compare with the rest."
    gap = abs(found.value - rest.value)
    against = f"against {share(rest.value)} of the other {rest.n:,}"
    if outcome == "can't tell":
        return f"{name}: {figures}, {against}; that may be chance."
    way = "below" if outcome == "worse" else "above"
    return (
        f"{name}: {figures}, {points(gap)} pp {way} the other {rest.n:,} ({share(rest.value)}; "
        f"{chance(adjusted)} after Holm's correction)."
    )


def _fisher(correct: Flags, members: Flags) -> float:
    """Fisher's exact test: twice the smaller tail, and at most 1."""
    inside, hits, n = int(members.sum()), int(correct.sum()), len(correct)
    met = int(correct[members].sum())
    possible = np.arange(max(0, inside + hits - n), min(inside, hits) + 1)
    logs = (
        _choices(hits, possible)
        + _choices(n - hits, inside - possible)
        - _choices(n, np.array([inside]))
    )
    shares = np.exp(logs)
    below, above = shares[possible <= met].sum(), shares[possible >= met].sum()
    return float(min(2 * min(below, above), 1.0))


def _choices(n: int, k: npt.NDArray[np.int64]) -> Floats:
    """The logarithm of how many ways there are to take `k` of `n`."""
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
