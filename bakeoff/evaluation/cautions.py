"""What has to be read before a verdict."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bakeoff.evaluation.choice import Candidate
from bakeoff.evaluation.phrases import count, listed, share

__all__ = ["Facts", "cautions", "grave"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known about a bake-off beside its numbers."""

    part: Literal["test", "val"] = "test"
    """What the numbers were measured on."""

    pictures: int
    seeds: int
    opened_before: int = 0
    """How often this dataset's test part had been opened."""

    leaked: int = 0
    """Measured pictures with a copy, or nearly, in what was trained or chosen on."""

    empty: tuple[str, ...] = ()
    """Classes without a picture in the part that was measured."""

    empty_val: tuple[str, ...] = ()
    """Classes without a picture in validation, on which the winner is chosen."""

    random_weights: tuple[str, ...] = ()
    """Contenders on a backbone whose weights could not be had."""

    @property
    def words(self) -> str:
        """The pictures that were measured, after their number."""
        return "test" if self.part == "test" else "validation"


def cautions(candidates: Sequence[Candidate], winner: str | None, facts: Facts) -> tuple[str, ...]:
    """Each a sentence or two, what weighs most first."""
    found = []
    if facts.leaked:
        found.append(_leaked(candidates, winner, facts))
    if facts.random_weights:
        found.append(
            f"Random weights: {listed(facts.random_weights)} began from random weights in place of "
            "pretrained ones, and say nothing about transfer."
        )
    found += _empty(facts)
    found += [f"{one.name}: {text}" for one in candidates for text in one.warnings]
    finished = [one for one in candidates if one.finished]
    if facts.part == "val":
        found.append(_sealed(winner, len(finished)))
    elif facts.opened_before:
        found.append(
            f"The test part had been opened {count(facts.opened_before, 'time')} before: the more "
            "often it guides what is tried next, the less it is worth."
        )
    by_chance = [one.name for one in finished if not one.deterministic]
    if facts.seeds == 1 and by_chance:
        all_of_several = len(by_chance) == len(finished) > 1
        what = "contenders may change places"
        found.append(
            "One seed only: intervals and tests are about these very runs. Trained again with "
            f"another seed, {what if all_of_several else f'{listed(by_chance)} may do otherwise'}; "
            "--seeds 3 tells."
        )
    return tuple(found)


def grave(notes: Iterable[str], name: str) -> tuple[str, ...]:
    """Those after which no answer of `name` is worth anything, whatever it is asked: it learnt
    nothing that shows, or began from random weights."""
    return tuple(one for one in notes if one.startswith("BROKEN:") or _is_random(one, name))


def _is_random(note: str, name: str) -> bool:
    """Whether it says that `name` began from random weights; alone, a run says so of itself."""
    if note.startswith("random weights"):
        return True
    found = re.match(r"Random weights: (.*?) began from ", note)
    names = re.split(r", | and ", found[1]) if found else []
    return name in names or any(one.endswith(" others") for one in names)


def _sealed(winner: str | None, finished: int) -> str:
    """That numbers are validation's, and what it was used for."""
    if not finished:
        return "The test part was not opened."
    told = "The test part was not opened: all numbers are from validation"
    if winner is None or finished == 1:
        return f"{told}."
    return f"{told}, on which the winner was chosen, and flatter it."


def _empty(facts: Facts) -> list[str]:
    """Classes of which nothing can be said."""
    both = facts.part == "test"
    found = []
    if facts.empty:
        few = len(facts.empty) == 1
        found.append(
            f"No {facts.words} pictures of {listed(facts.empty)}: how well "
            f"{'it is' if few else 'they are'} told is not known, and "
            f"{'it counts' if few else 'each counts'} as 0 in macro averages."
        )
    if both and facts.empty_val:
        found.append(
            f"No validation pictures of {listed(facts.empty_val)}: the choice takes no account of "
            f"{'it' if len(facts.empty_val) == 1 else 'them'}."
        )
    return found


def _leaked(candidates: Sequence[Candidate], winner: str | None, facts: Facts) -> str:
    text = (
        f"Leak: {facts.leaked:,} of {facts.pictures:,} {facts.words} pictures have a copy, or "
        "nearly one, among those trained or chosen on."
    )
    won = next((one for one in candidates if one.name == winner), None)
    if won is None or won.clean is None or won.accuracy is None:
        return text
    clean, plain = won.clean, won.accuracy
    return (
        f"{text} Without them {won.name} has {share(clean.value)} ({share(clean.low)} to "
        f"{share(clean.high)}, {count(clean.n, 'picture')}); with them {share(plain.value)}."
    )
