"""Who is chosen, on validation alone; the test part is not known here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.compare import Pair, compare
from bakeoff.evaluation.intervals import Interval
from bakeoff.evaluation.phrases import duration, size

__all__ = ["Candidate", "Choice", "Wishes", "cheapest", "choose", "seen_from"]

Prefer = Literal["accuracy", "latency", "size"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What a verdict has to know of a contender."""

    name: str
    status: str = "finished"
    """Anything else: it takes no part, and `reason` says why."""

    reason: str | None = None
    validation: float | None = None
    """Accuracy, the mean over seeds."""

    accuracy: Interval | None = None
    """On the part that is reported."""

    clean: Interval | None = None
    """The same without pictures that have a copy in training or validation."""

    latency: float | None = None
    """Seconds for one picture."""

    size: int | None = None
    """Bytes on disk."""

    parameters: int | None = None
    warnings: tuple[str, ...] = ()
    deterministic: bool = False
    """Nothing in it is random: other seeds would say the same."""

    is_baseline: bool = False
    """What anything worth its cost has to beat, as a linear model."""

    @property
    def finished(self) -> bool:
        return self.status == "finished"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What is wanted of a winner."""

    prefer: Prefer = "accuracy"
    max_latency: float | None = None
    """Seconds for one picture."""

    max_size: int | None = None
    """Bytes on disk."""

    margin: float = 0.005
    """A difference in accuracy that does not matter."""

    level: float = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Who is chosen, and among whom."""

    name: str | None
    """None where nobody finished, or nobody is within the limits."""

    best: str | None
    """The most accurate on validation of those within the limits."""

    tied: tuple[str, ...] = ()
    """With the best, as far as validation can show: it shows that they differ by less than the
    margin, or they do so and it cannot tell."""

    level: tuple[str, ...] = ()
    """Who is exactly as accurate on validation as the best."""

    tie_break: str = ""
    """Why, of those, it is the best: as in the fastest."""

    cheapest: str | None = None
    """Of the best and those tied with it."""

    excluded: Mapping[str, str]
    """Contenders beyond the limits, and how far."""

    nearest: str | None = None
    """Who misses the limits by least, where all do."""

    pairs: tuple[Pair, ...] = ()
    """On validation."""


def choose(
    candidates: Sequence[Candidate],
    correct: Mapping[str, npt.NDArray[np.bool_]],
    wishes: Wishes,
) -> Choice:
    """The winner, from whether each validation picture is right (seeds × pictures).

    By accuracy the best; by latency or size the cheapest of those that are as good as the best. On
    few pictures hardly anything is shown to be tied, and much cannot be told apart: so as good is
    also who is less than the margin behind and not shown to be worse.
    """
    finished = [one for one in candidates if one.finished]
    excluded = {one.name: found for one in finished if (found := _beyond(one, wishes))}
    within = [one for one in finished if one.name not in excluded]
    if not within:
        near = min(finished, key=lambda one: _excess(one, wishes)).name if finished else None
        return Choice(name=None, best=None, excluded=excluded, nearest=near)
    pairs = compare(
        {one.name: correct[one.name] for one in within},
        deterministic=[one.name for one in within if one.deterministic],
        margin=wishes.margin,
        level=wishes.level,
    )
    best = min(within, key=lambda one: (-_validation(one), _cost(one, wishes.prefer)))
    tied = [
        one.name
        for one in within
        if one is not best and _as_good(seen_from(best.name, one.name, pairs), wishes.margin)
    ]
    level = [one for one in within if one is not best and _validation(one) == _validation(best)]
    least = cheapest([one for one in within if one is best or one.name in tied], wishes.prefer)
    return Choice(
        name=best.name if wishes.prefer == "accuracy" else least,
        best=best.name,
        tied=tuple(tied),
        level=tuple(one.name for one in level),
        tie_break=_tie_break(best, level, wishes.prefer) if level else "",
        cheapest=least,
        excluded=excluded,
        pairs=pairs,
    )


def cheapest(candidates: Iterable[Candidate], prefer: Prefer) -> str:
    """The fastest, or with `size` the smallest; what was not measured is dear."""
    return min(candidates, key=lambda one: _cost(one, prefer)).name


def seen_from(first: str, second: str, pairs: Iterable[Pair]) -> Pair:
    """The pair of these two with `first` first."""
    for pair in pairs:
        if (pair.first, pair.second) == (first, second):
            return pair
        if (pair.second, pair.first) == (first, second):
            return pair.turned()
    raise AssertionError(f"no pair of {first} and {second}")


def _as_good(pair: Pair, margin: float) -> bool:
    return pair.outcome == "tied" or (
        pair.outcome == "can't tell" and abs(pair.difference) <= margin
    )


def _validation(candidate: Candidate) -> float:
    assert candidate.validation is not None, candidate.name
    # A mean over several seeds and one of a single run may differ in their last bit.
    return round(candidate.validation, 9)


def _cost(candidate: Candidate, prefer: Prefer) -> tuple[float, ...]:
    """What decides first comes first."""
    latency, space, parameters = (
        math.inf if one is None else float(one)
        for one in (candidate.latency, candidate.size, candidate.parameters)
    )
    return (space, latency, parameters) if prefer == "size" else (latency, space, parameters)


def _tie_break(best: Candidate, level: Sequence[Candidate], prefer: Prefer) -> str:
    """By what the best of those that are level was told from the next."""
    kinds = {"latency": "fast", "size": "small"}
    order = ("size", "latency") if prefer == "size" else ("latency", "size")
    own = _cost(best, prefer)
    others = min(_cost(one, prefer) for one in level)
    ending = "est" if len(level) > 1 else "er"
    for kind, mine, other in zip(order, own, others, strict=False):
        if mine < other:
            return f"the {kinds[kind]}{ending}"
    if own < others:
        return f"the one with {'the fewest' if len(level) > 1 else 'fewer'} parameters"
    return "the first in the line-up"


def _beyond(candidate: Candidate, wishes: Wishes) -> str:
    """How a candidate breaks the limits, or nothing."""
    broken = []
    if wishes.max_latency is not None:
        if candidate.latency is None:
            broken.append("its latency was not measured")
        elif candidate.latency > wishes.max_latency:
            broken.append(
                f"{duration(candidate.latency)} a picture, {duration(wishes.max_latency)} at most"
            )
    if wishes.max_size is not None:
        if candidate.size is None:
            broken.append("its size was not measured")
        elif candidate.size > wishes.max_size:
            broken.append(f"{size(candidate.size)}, {size(wishes.max_size)} at most")
    return "; ".join(broken)


def _excess(candidate: Candidate, wishes: Wishes) -> float:
    """The largest factor by which limits are missed."""
    limits = ((candidate.latency, wishes.max_latency), (candidate.size, wishes.max_size))
    return max(
        math.inf if cost is None else cost / limit for cost, limit in limits if limit is not None
    )
