"""Which contenders are better than which: every pair over the same pictures, in numbers and words.

One seed each: McNemar's exact test, about these very runs. Several: a test that takes seeds and
pictures for samples, about the recipes. What has nothing random in it is one run, however often it
was repeated. docs/decisions/statistics.md says why and how well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.difference import Difference, apart
from bakeoff.evaluation.phrases import chance, count, points
from bakeoff.evaluation.power import Need, needed
from bakeoff.evaluation.spread import crossed

__all__ = ["Outcome", "Pair", "compare", "holm"]

Outcome = Literal["better", "worse", "tied", "can't tell"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two contenders on the same pictures."""

    first: str
    second: str
    difference: float
    """Accuracy of the first less that of the second."""

    low: float
    high: float
    """Of an interval of its own, not widened for how many pairs there are."""

    p: float
    adjusted: float
    """After Holm's correction over all pairs."""

    only_first: float
    """Pictures that only the first has right: with several seeds the mean over pairs of runs."""

    only_second: float
    pictures: int
    seeds: int
    """Of the one that has fewer; what does not depend on a seed is left out."""

    deterministic: bool
    """In neither anything is random, so that no seeds are spoken of."""

    outcome: Outcome
    """Of the first."""

    need: Need | None
    """What would tell, where the outcome is that one can't."""

    words: str

    def turned(self) -> Pair:
        """The same with the second first."""
        outcomes: dict[Outcome, Outcome] = {"better": "worse", "worse": "better"}
        return replace(
            self,
            first=self.second,
            second=self.first,
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
            only_first=self.only_second,
            only_second=self.only_first,
            outcome=outcomes.get(self.outcome, self.outcome),
        )


def compare(
    correct: Mapping[str, npt.NDArray[np.bool_]],
    *,
    deterministic: Collection[str] = (),
    same: Collection[frozenset[str]] = (),
    margin: float = 0.005,
    level: float = 0.95,
    power: float | None = 0.8,
) -> tuple[Pair, ...]:
    """Every pair once, from whether each picture is right: pictures, or seeds × pictures.
    `deterministic` are those in whom nothing is random, if their runs bear it out; `same` are pairs
    whose probabilities are identical in every bit, which are one contender by two names.

    Contenders are *tied* where the interval of the difference lies within the margin, whether or
    not it holds zero; else one is *better* where its adjusted p is below 1 − level and the
    interval keeps to its side of zero; else one can't tell, and is told what would answer with
    probability `power`, which takes longer than all else.
    """
    taken = {name: crossed(values, fixed=name in deterministic) for name, values in correct.items()}
    assert len({len(one.mean) for one in taken.values()}) <= 1, "other pictures"
    loosest = max(
        (one for one in taken.values() if one.seeds > 1), key=lambda one: one.between, default=None
    )
    names = list(combinations(taken, 2))
    alike = [frozenset(pair) in same for pair in names]
    met = [apart(taken[first], taken[second], loosest) for first, second in names]
    p = [one.p for one in met]
    adjusted, rank = holm(p), np.argsort(np.argsort(p, kind="stable"), kind="stable")
    pairs = []
    for place, one in enumerate(met):
        outcome = "tied" if alike[place] else _outcome(one, adjusted[place], margin, level)
        need = None
        # Of two that are level nothing was seen that more of the same would bring out.
        if outcome == "can't tell" and power is not None and one.value:
            alpha = (1 - level) / (len(met) - int(rank[place]))
            need = needed(
                one.parts, one.value, margin=margin, level=level, alpha=alpha, power=power
            )
        pair = _pair(names[place], one, adjusted[place], outcome, need, level)
        if alike[place]:
            pairs.append(_same(pair))
            continue
        pair = replace(pair, deterministic=all(taken[name].fixed for name in names[place]))
        pairs.append(replace(pair, words=_words(pair, len(met), margin, level)))
    return tuple(pairs)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjustment: below α with probability α at most, if no difference there is."""
    order = np.argsort(p, kind="stable")
    adjusted, highest = [0.0] * len(p), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min((len(p) - rank) * p[place], 1.0))
        adjusted[place] = highest
    return adjusted


def _outcome(met: Difference, adjusted: float, margin: float, level: float) -> Outcome:
    low, high = met.limits(level)
    if -margin <= low and high <= margin:
        return "tied"
    if adjusted < 1 - level and low * high > 0:
        return "better" if low > 0 else "worse"
    return "can't tell"


def _pair(
    names: tuple[str, str],
    met: Difference,
    adjusted: float,
    outcome: Outcome,
    need: Need | None,
    level: float,
) -> Pair:
    low, high = met.limits(level)
    return Pair(
        first=names[0],
        second=names[1],
        difference=met.value,
        low=low,
        high=high,
        p=met.p,
        adjusted=adjusted,
        only_first=met.only[0],
        only_second=met.only[1],
        pictures=met.parts.pictures,
        seeds=met.parts.seeds,
        deterministic=False,
        outcome=outcome,
        need=need,
        words="",
    )


def _same(pair: Pair) -> Pair:
    """One contender by two names: nothing is left to chance."""
    words = (
        f"{pair.first} and {pair.second} are the same: their predictions are identical on all "
        f"{count(pair.pictures, 'picture')}."
    )
    return replace(pair, low=0.0, high=0.0, words=words)


def _words(pair: Pair, pairs: int, margin: float, level: float) -> str:
    """One sentence or two for a person, who is ahead named first."""
    ahead, behind, by, low, high = pair.first, pair.second, pair.difference, pair.low, pair.high
    if by < 0:
        ahead, behind, by, low, high = behind, ahead, -by, -high, -low
    decimals = 1 if high - low >= 0.01 else 2
    seeds = "whatever the seed" if pair.deterministic else count(pair.seeds, "seed")
    p = f"{chance(pair.adjusted)} after Holm" if pairs > 1 else chance(pair.p)
    basis = (
        f"({level:.0%}: {points(low, decimals)} to {points(high, decimals)}; {p}, "
        f"{count(pair.pictures, 'picture')}, {seeds})"
    )
    if pair.outcome in ("better", "worse"):
        return f"{ahead} is better than {behind} by {points(by, decimals)} pp {basis}."
    lead = f"{ahead} is ahead by {points(by, decimals)} pp" if by else "they are level"
    if not pair.only_first and not pair.only_second:
        lead = "they are right on the very same pictures"
    if pair.outcome == "tied":
        sure = " for sure" if pair.adjusted < 1 - level else ""
        return (
            f"{ahead} and {behind} are tied, less than {100 * margin:g} pp apart: "
            f"{lead}{sure} {basis}."
        )
    told = f"{ahead} and {behind} cannot be told apart: {lead} {basis}."
    if pair.need is None:
        return told
    return f"{told} {pair.need.sentence}."
