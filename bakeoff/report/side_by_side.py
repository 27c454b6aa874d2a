"""Two bake-offs side by side: contenders of one name on the same pictures, if they are the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from bakeoff.evaluation.compare import Pair, compare, holm
from bakeoff.evaluation.phrases import chance, listed
from bakeoff.report import recorded
from bakeoff.report.board import decimals_of
from bakeoff.report.findings import Findings
from bakeoff.report.standing import seeds
from bakeoff.report.templates import environment, file_of, policy
from bakeoff.report.units import points
from bakeoff.version import __version__

__all__ = ["Match", "SideBySide", "side_by_side", "side_by_side_page"]

Facts = Mapping[str, Any]

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A contender of both."""

    name: str
    same_recipe: bool
    first: Facts
    """Its accuracy in the first, with the ends of its interval."""

    second: Facts
    pair: Pair | None
    """How it is in the second, against how it was in the first; None where that is not asked."""

    identical: bool
    """Every run said the same of every picture: it is the same contender, not one that is as good,
    and a test would only ask whether other seeds would be."""

    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SideBySide:
    """Two bake-offs, and what may be said of one against the other."""

    first: Findings
    second: Findings
    reasons: tuple[str, ...]
    """Why they are not comparable; empty where they are."""

    matches: tuple[Match, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether it is one bake-off, given twice or copied."""
        return self.first.facts == self.second.facts

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "schema": 1,
            "first": str(self.first.path),
            "second": str(self.second.path),
            "same": self.same,
            "comparable": not self.reasons,
            "reasons": list(self.reasons),
            "contenders": [asdict(match) for match in self.matches],
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
        }


def side_by_side(first: Findings, second: Findings) -> SideBySide:
    """Match contenders by name, and compare them where pictures, labels and split are the same."""
    reasons = _reasons(first.facts, second.facts)
    ones = {one["name"]: one for one in first.measured()}
    others = {one["name"]: one for one in second.measured()}
    both = [name for name in ones if name in others]
    correct = {
        name: (_correct(second, name), _correct(first, name)) for name in both if not reasons
    }
    same = {name for name, tables in correct.items() if _identical(*tables)}
    rest = {name: tables for name, tables in correct.items() if name not in same}
    fixed = [name for name in both if all(one[name].get("deterministic") for one in (ones, others))]
    pairs = _pairs(rest, fixed, second.facts["asked"]["margin"])
    return SideBySide(
        first=first,
        second=second,
        reasons=reasons,
        matches=tuple(
            Match(
                name=name,
                same_recipe=ones[name]["recipe_digest"] == others[name]["recipe_digest"],
                first=ones[name]["numbers"]["accuracy"],
                second=others[name]["numbers"]["accuracy"],
                pair=pairs.get(name),
                identical=name in same,
                words=_words(name, pairs.get(name), name in same, len(pairs)),
            )
            for name in both
        ),
        only_first=tuple(name for name in ones if name not in others),
        only_second=tuple(name for name in others if name not in ones),
    )


def side_by_side_page(found: SideBySide) -> str:
    """Both scoreboards and the matches as one HTML file, complete in itself."""
    style = file_of("bakeoff.css")
    both = (found.first, found.second)
    decimals = max(decimals_of(one.facts) for one in both)
    template = environment(decimals).get_template("side_by_side.html")
    return template.render(
        found=found,
        both=[(one, one.board, seeds(one.facts)) for one in both],
        style=Markup(style),
        policy=policy(style),
        version=__version__,
    )


def _reasons(first: Facts, second: Facts) -> tuple[str, ...]:
    """Why numbers of the two may not be held against each other."""
    reasons = []
    one, other = first["data"], second["data"]
    if one["digest"] != other["digest"]:
        counts = [
            {part: sum(some) for part, some in data["counts"].items()} for data in (one, other)
        ]
        if one["classes"] != other["classes"]:
            names = [listed(data["classes"], 3) for data in (one, other)]
            what = f"the classes are {names[0]}; {names[1]}"
        elif counts[0] != counts[1]:
            what = f"the parts are of different size ({_sizes(counts[0])}; {_sizes(counts[1])})"
        else:
            what = "pictures, labels or split differ"
        digests = f"{one['digest'][:12]} and {other['digest'][:12]}"
        reasons.append(f"the data digests are {digests}: {what}")
    if first["part"] != second["part"]:
        parts = " and the second on ".join(_part(facts) for facts in (first, second))
        reasons.append(f"the first was measured on {parts}")
    return tuple(reasons)


def _part(facts: Facts) -> str:
    return "validation" if facts["part"] == "val" else "test"


def _sizes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{part} {count:,}" for part, count in counts.items())


def _pairs(
    correct: Mapping[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]],
    fixed: Collection[str],
    margin: float,
) -> dict[str, Pair]:
    """Each contender in the second against itself in the first, corrected for all of them."""
    found = {
        name: compare(
            {"second": new, "first": old},
            deterministic=("second", "first") if name in fixed else (),
            margin=margin,
            level=LEVEL,
            power=None,
        )[0]
        for name, (new, old) in correct.items()
    }
    adjusted = holm([pair.p for pair in found.values()])
    return {
        name: _corrected(pair, p) for (name, pair), p in zip(found.items(), adjusted, strict=True)
    }


def _corrected(pair: Pair, adjusted: float) -> Pair:
    told = pair.outcome in ("better", "worse") and adjusted >= 1 - LEVEL
    return replace(pair, adjusted=adjusted, outcome="can't tell" if told else pair.outcome)


def _correct(found: Findings, name: str) -> npt.NDArray[np.bool_]:
    """Whether each picture is right, seeds × pictures, in the order of the dataset."""
    rows = []
    for run in found.finished_runs(name):
        table = recorded.predictions(found.path / run["path"], found.part, found.classes)
        rows.append(table.correct[np.argsort(table.indices)])
    return np.stack(rows)


def _identical(new: npt.NDArray[np.bool_], old: npt.NDArray[np.bool_]) -> bool:
    """Whether all runs agree; a fit without chance may have been repeated in one and not in the
    other."""
    if np.array_equal(new, old):
        return True
    return len(new) != len(old) and bool((new == old[0]).all() and (old == old[0]).all())


def _words(name: str, pair: Pair | None, identical: bool, pairs: int) -> str:
    if identical:
        return f"{name} is the same in both: every prediction is right or wrong as it was."
    if pair is None:
        return f"{name}: not comparable."
    low, high = points(pair.low), points(pair.high)
    said = {
        "better": "is better in the second",
        "worse": "is worse in the second",
        "tied": "is as good in both",
        "can't tell": "may or may not have changed",
    }
    corrected = " after Holm's correction" if pairs > 1 else ""
    return (
        f"{name} {said[pair.outcome]}: {points(pair.difference)} pp "
        f"(95% interval {low} to {high}, {chance(pair.adjusted)}{corrected})."
    )
