"""A verdict's sentences: what a person reads first, and a sceptic reads twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.evaluation.cautions import Facts
from bakeoff.evaluation.choice import Candidate, Choice, Wishes, cheapest, seen_from
from bakeoff.evaluation.compare import Pair
from bakeoff.evaluation.phrases import count, duration, listed, points, share, size

__all__ = ["Case", "nobody", "told", "without"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What sentences are made from."""

    choice: Choice
    winner: Candidate
    rivals: tuple[Candidate, ...]
    """All others that finished."""

    seen: dict[str, Pair]
    """Each rival's pair with the winner, the winner first."""

    pairs: tuple[Pair, ...]
    wishes: Wishes
    facts: Facts

    def outcome(self, *outcomes: str) -> list[str]:
        """Rivals of whom this was found, the nearest first."""
        found = [one for one, pair in self.seen.items() if pair.outcome in outcomes]
        return sorted(found, key=lambda one: abs(self.seen[one].difference))

    def gap(self, rival: str) -> str:
        """How far it is from the winner, either way."""
        pair = self.seen[rival]
        low, high = sorted((abs(pair.low), abs(pair.high)))
        decimals = 1 if high - low >= 0.01 else 2
        return (
            f"{points(abs(pair.difference), decimals)} pp ({self.wishes.level:.0%}: "
            f"{points(low, decimals)} to {points(high, decimals)})"
        )

    @property
    def contradicting(self) -> list[str]:
        """Who could have been chosen and is better."""
        return [one for one in self.outcome("worse") if one not in self.choice.excluded]

    @property
    def cheapest(self) -> Candidate:
        among = [self.winner, *(one for one in self.rivals if one.name in self.outcome("tied"))]
        name = cheapest(among, self.wishes.prefer)
        return next(one for one in among if one.name == name)


def nobody(choice: Choice, candidates: Sequence[Candidate], wishes: Wishes) -> list[str]:
    """Why there is no winner."""
    if choice.nearest is None:
        reasons = "; ".join(f"{one.name}: {_reason(one)}" for one in candidates)
        return ["No contender finished, so there is no winner.", *([f"{reasons}."] * bool(reasons))]
    near = choice.nearest
    return [
        f"No contender keeps to the limits, so there is no winner: {_limits(wishes)}.",
        f"{near} comes nearest: {choice.excluded[near]}.",
    ]


def told(case: Case) -> list[str]:
    """Who wins, against whom, and how surely."""
    if not case.rivals:
        return [f"{case.winner.name} is the only contender, compared with nothing: {_right(case)}."]
    sentences = [*_headline(case), *_baseline(case)]
    outcomes = {pair.outcome for pair in case.pairs}
    if outcomes != {"tied"}:
        sentences += [*_beaten(case), *_level(case), *_untold(case)]
    sentences += [*_contradiction(case), *_beyond_limits(case)]
    within = f"{case.wishes.level:.0%} confidence"
    holm = f", with Holm's correction over {len(case.pairs)} pairs" if len(case.pairs) > 1 else ""
    return (
        [*sentences, f"Better means: at {within}{holm}."] if case.outcome("better") else sentences
    )


def _headline(case: Case) -> list[str]:
    name, outcomes = case.winner.name, {pair.outcome for pair in case.pairs}
    everyone = count(len(case.rivals) + 1, "contender")
    if outcomes == {"tied"}:
        return [
            f"All {everyone} are tied: no two are {100 * case.wishes.margin:g} pp apart.",
            f"{_chosen(case)}: {_right(case)}.",
            f"The cheapest is {_priced(case.cheapest)}.",
        ]
    if not outcomes & {"better", "worse"}:
        return [
            f"None of the {everyone} is shown to be better than another.",
            f"{_chosen(case)}: {_right(case)}.",
        ]
    if len(case.outcome("better")) < len(case.rivals):
        return [f"{_chosen(case)}: {_right(case)}."]
    return [f"{name} wins: {_right(case)}."]


def _chosen(case: Case) -> str:
    """Why the winner was chosen."""
    name, best = case.winner.name, case.choice.best
    limits = " within the limits" if case.choice.excluded else ""
    if limits and len(case.choice.excluded) == len(case.rivals):
        return f"{name} is chosen, the only one{limits}"
    if case.wishes.prefer == "accuracy":
        if case.choice.level:
            return (
                f"{name}, level with {listed(case.choice.level)} on validation, is chosen as "
                f"{case.choice.tie_break}{limits}"
            )
        return f"{name} is chosen, the most accurate on validation{limits}"
    kind = "fastest" if case.wishes.prefer == "latency" else "smallest"
    if not case.choice.tied:
        return f"{name} is chosen, as none{limits} is as accurate on validation"
    whom = f"{best} and those as good" if name != best else "those as good as any"
    return f"{name} is chosen, the {kind} of {whom} on validation{limits}"


def _right(case: Case) -> str:
    one = case.winner.accuracy
    assert one is not None, case.winner.name
    decimals = 1 if one.high - one.low >= 0.01 else 2
    return (
        f"{share(one.value, decimals)} of {one.n:,} {case.facts.words} pictures right "
        f"({one.level:.0%}: {share(one.low, decimals)} to {share(one.high, decimals)}, "
        f"{'whatever the seed' if case.winner.deterministic else count(one.seeds, 'seed')})"
    )


def _baseline(case: Case) -> list[str]:
    """Whether anything was worth its cost."""
    everyone = (case.winner, *case.rivals)
    bases = [one for one in everyone if one.is_baseline]
    others = [one for one in everyone if not one.is_baseline]
    if not bases or not others:
        return []
    base = max(bases, key=lambda one: one.accuracy.value if one.accuracy else 0.0)
    if base is case.winner:
        return []
    if any(seen_from(one.name, base.name, case.pairs).outcome == "better" for one in others):
        return []
    return [f"None beats {base.name}, the baseline."]


def _beaten(case: Case) -> list[str]:
    worse = case.outcome("better")
    if not worse:
        return []
    nearest, *more = worse
    if len(worse) == len(case.rivals) > 1:
        return [f"It is better than every other: the nearest is {nearest}, by {case.gap(nearest)}."]
    also = f", and better than {listed(more)}" if more else ""
    return [f"It is better than {nearest} by {case.gap(nearest)}{also}."]


def _level(case: Case) -> list[str]:
    tied = case.outcome("tied")
    if not tied:
        return []
    least = case.cheapest
    price = "is itself the cheapest of them" if least is case.winner else ""
    margin = f"less than {100 * case.wishes.margin:g} pp apart"
    if price:
        return [f"It is tied with {listed(tied)}, {margin}, and {price}."]
    return [f"It is tied with {listed(tied)}, {margin}; the cheapest is {_priced(least)}."]


def _untold(case: Case) -> list[str]:
    untold = case.outcome("can't tell")
    if not untold:
        return []
    needs = {one: need for one in untold if (need := case.seen[one].need)}
    # Of the nearest there is most to find out and least to gain, so the farthest first.
    far = [one for one in reversed(untold) if one in needs]
    told = [f" (about {needs[one].words} would tell {one})" for one in far if needs[one].words]
    told += [f" ({needs[one].sentence})" for one in far if needs[one].far]
    return [f"It cannot be told from {listed(untold)}{told[0] if told else ''}."]


def _contradiction(case: Case) -> list[str]:
    better = case.contradicting
    if not better:
        return []
    most = better[-1]
    return [
        f"The {case.facts.words} pictures contradict the choice: {listed(better)} did better, "
        f"{most} by {case.gap(most)}. It stays as validation made it, as pictures that choose can "
        "no longer measure."
    ]


def _beyond_limits(case: Case) -> list[str]:
    """Who was not let in, and what that costs."""
    texts = []
    for name, reason in case.choice.excluded.items():
        gain = f", though better by {case.gap(name)}" * (case.seen[name].outcome == "worse")
        texts.append(f"{name} ({reason}{gain})")
    return [f"Beyond the limits: {'; '.join(texts)}."] if texts else []


def without(candidates: Sequence[Candidate]) -> list[str]:
    """Who crashed or was stopped."""
    left = [f"{one.name} ({_reason(one)})" for one in candidates if not one.finished]
    return [f"Without a result: {'; '.join(left)}."] if left else []


def _reason(candidate: Candidate) -> str:
    return (candidate.reason or candidate.status).rstrip(".")


def _limits(wishes: Wishes) -> str:
    latency, space = wishes.max_latency, wishes.max_size
    limits = [] if latency is None else [f"at most {duration(latency)} a picture"]
    return " and ".join([*limits, *([] if space is None else [f"at most {size(space)}"])])


def _priced(candidate: Candidate) -> str:
    costs = [] if candidate.latency is None else [f"{duration(candidate.latency)} a picture"]
    costs += [] if candidate.size is None else [size(candidate.size)]
    return f"{candidate.name} ({', '.join(costs)})" if costs else candidate.name
