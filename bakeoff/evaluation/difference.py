"""How far two contenders are apart on the same pictures, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import bdtr

from bakeoff.evaluation.power import Parts
from bakeoff.evaluation.spread import Crossed, Seeds, Spread

__all__ = ["Difference", "apart", "mcnemar"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Of the accuracies of two contenders, first less second."""

    value: float
    centre: float
    """Of the interval, a hair nearer to zero."""

    spread: Spread
    p: float
    only: tuple[float, float]
    """Pictures that one has right and the other has not: the mean over pairs of runs."""

    parts: Parts

    def limits(self, level: float) -> tuple[float, float]:
        """Of an interval that holds the truth this often."""
        half = self.spread.half_width(1 - level)
        return max(self.centre - half, -1.0), min(self.centre + half, 1.0)


def apart(first: Crossed, second: Crossed, loosest: Crossed | None = None) -> Difference:
    """The difference of two contenders. Their seeds are taken for unrelated, and their numbers of
    seeds may differ; one that is left with a single run where others have several is taken to vary
    from run to run like `loosest`, the least steady of all, unless nothing in it is random."""
    gaps = first.mean - second.mean
    n, counts = len(gaps), (first.seeds, second.seeds)
    arms = [_varying(one, loosest) for one in (first, second)]
    alone = all(one.seeds == 1 for one in arms)
    # Two pictures more, one for either side (Bonett and Price): where all agree, by chance some
    # picture might not have.
    centre = float(gaps.sum()) / (n + 2)
    picture = (float((gaps**2).sum()) + 2) / (n + 2) - centre**2
    shares = [] if alone else [a.shares(n, c) for a, c in zip(arms, counts, strict=True)]
    if shares and arms[0] is arms[1]:
        # Both have borrowed, and what is known only once is known no better for it.
        one, other = shares
        both = one.variance + other.variance
        shares = [Seeds(variance=both, rest=one.rest + other.rest, degrees=one.degrees)]
    spread = Spread(pictures=picture / (n + 2), seeds=tuple(s for s in shares if s.variance > 0))
    only = (
        float((first.mean * (1 - second.mean)).sum()),
        float((second.mean * (1 - first.mean)).sum()),
    )
    rest = sum(a.rest / c for a, c in zip(arms, counts, strict=True))
    return Difference(
        value=float(gaps.mean()),
        centre=centre,
        spread=spread,
        p=mcnemar(round(only[0]), round(only[1])) if alone else spread.p(abs(centre)),
        only=only,
        parts=Parts(
            pictures=n,
            seeds=min([one.seeds for one in (first, second) if not one.fixed], default=1),
            picture=picture if alone else max(picture - rest, 0.0),
            rest=() if alone else tuple(one.rest for one in arms),
            run=() if alone else tuple(max(a.between - a.rest / n, 0.0) for a in arms),
        ),
    )


def _varying(one: Crossed, loosest: Crossed | None) -> Crossed:
    """Whose runs tell how this one varies from run to run."""
    return one if one.fixed or one.seeds > 1 or loosest is None else loosest


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test, two-sided: are mistakes that one makes and the other does not as
    likely on either side?"""
    few, both = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtr(few, both, 0.5))) if both else 1.0
