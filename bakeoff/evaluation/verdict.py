"""What a bake-off comes to: who wins, by how much, how sure that is, and who is tied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakeoff.evaluation.cautions import Facts, cautions
from bakeoff.evaluation.choice import Candidate, Choice, Prefer, Wishes, seen_from
from bakeoff.evaluation.compare import Pair
from bakeoff.evaluation.intervals import Interval
from bakeoff.evaluation.sentences import Case, nobody, told, without

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a bake-off comes to."""

    winner: str | None
    headline: str
    """The first sentence."""

    paragraph: str
    """All of it, without the warnings."""

    tied: tuple[str, ...]
    """With the winner, on the part that is reported."""

    untold: tuple[str, ...]
    """Who cannot be told from the winner."""

    contradicted_by: tuple[str, ...]
    """Who was within the limits, was not chosen, and is better on the test part."""

    cheapest: str | None
    """Of the winner and those tied with it."""

    prefer: Prefer
    pareto: tuple[str, ...]
    """Whom nobody beats in both accuracy and latency, fastest first."""

    pareto_size: tuple[str, ...]
    """The same for size on disk, smallest first."""

    warnings: tuple[str, ...]
    """To stand above it."""


def judge(
    choice: Choice,
    candidates: Sequence[Candidate],
    pairs: Sequence[Pair],
    wishes: Wishes,
    facts: Facts,
) -> Verdict:
    """The verdict on a choice that was made before, from pairs on the part that is reported."""
    finished = [one for one in candidates if one.finished]
    case = None
    if choice.name is not None:
        rivals = tuple(one for one in finished if one.name != choice.name)
        case = Case(
            choice=choice,
            winner=next(one for one in finished if one.name == choice.name),
            rivals=rivals,
            seen={one.name: seen_from(choice.name, one.name, pairs) for one in rivals},
            pairs=tuple(pairs),
            wishes=wishes,
            facts=facts,
        )
    sentences = nobody(choice, candidates, wishes) if case is None else told(case)
    sentences += without(candidates) if finished else []
    return Verdict(
        winner=choice.name,
        headline=sentences[0],
        paragraph=" ".join(sentences),
        tied=tuple(case.outcome("tied")) if case else (),
        untold=tuple(case.outcome("can't tell")) if case else (),
        contradicted_by=tuple(case.contradicting) if case else (),
        cheapest=case.cheapest.name if case else None,
        prefer=wishes.prefer,
        pareto=_front({one.name: (one.accuracy, one.latency) for one in finished}),
        pareto_size=_front({one.name: (one.accuracy, one.size) for one in finished}),
        warnings=cautions(candidates, choice.name, facts),
    )


def _front(measured: Mapping[str, tuple[Interval | None, float | None]]) -> tuple[str, ...]:
    """Whom no other beats in one of accuracy and cost without losing in the other."""
    known = {
        name: (accuracy.value, cost)
        for name, (accuracy, cost) in measured.items()
        if accuracy is not None and cost is not None
    }
    front = [
        name
        for name, (value, cost) in known.items()
        if not any(
            other[0] >= value and other[1] <= cost and other != (value, cost)
            for other in known.values()
        )
    ]
    return tuple(sorted(front, key=lambda name: known[name][1]))
