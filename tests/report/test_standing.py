"""What a report calls things."""

from __future__ import annotations

from typing import Any

import pytest

from bakeoff.report.standing import lineup, overrun, role, seeds, standing


def facts(*outcomes: str, **verdict: Any) -> dict[str, Any]:
    """A bake-off of a and others, to each of whom it stands so."""
    names = ["a", *(f"b{number}" for number in range(len(outcomes)))]
    return {
        "asked": {"seeds": 3, "budget": 60.0},
        "seconds": {"total": 62.0},
        "contenders": [
            {"name": name, "warnings": [], "numbers": {"accuracy": {"seeds": 3}}} for name in names
        ],
        "pairs": [
            {"first": "a", "second": name, "outcome": outcome}
            for name, outcome in zip(names[1:], outcomes, strict=True)
        ],
        "verdict": {"winner": "a", "tied": [], "untold": [], **verdict},
    }


@pytest.mark.parametrize(
    ("outcomes", "called"),
    [
        (("better", "better"), "winner"),
        (("better", "tied"), "chosen"),
        (("better", "can't tell"), "chosen"),
        (("better", "worse"), "chosen"),
        ((), "chosen"),
    ],
)
def test_the_winner_beats_everyone(outcomes: tuple[str, ...], called: str) -> None:
    """Shown to be better than each of the others; whoever is chosen otherwise is no winner."""
    assert role(facts(*outcomes)) == called


def test_a_pair_may_be_the_other_way_round() -> None:
    """Whoever comes second in a pair has won it where the first is worse."""
    found = facts("better")
    found["pairs"] = [{"first": "b0", "second": "a", "outcome": "worse"}]
    assert role(found) == "winner"
    found["pairs"][0]["outcome"] = "better"
    assert role(found) == "chosen"


def test_what_learnt_nothing_is_no_winner() -> None:
    """Better than others that are worse still."""
    found = facts("better")
    found["contenders"][0]["warnings"] = ["Seed 0: BROKEN: it learnt nothing."]
    assert (role(found), standing(found)) == ("chosen", "Chosen")


def test_how_it_stands_in_words() -> None:
    """Tied with whom, not to be told from whom."""
    assert standing(facts("better")) == "Winner"
    assert standing(facts()) == "Chosen, as there is no other"
    assert standing(facts("tied", tied=["b0"])) == "Chosen, tied with 1 other"
    untold = facts("can't tell", "can't tell", untold=["b0", "b1"])
    assert standing(untold) == "Chosen, but not to be told from 2 others"
    both = facts("tied", "can't tell", tied=["b0"], untold=["b1"])
    assert standing(both) == "Chosen, tied with 1 other, not to be told from 1 other"


def test_seeds_that_are_missing_are_not_counted() -> None:
    """Of contenders with fewer than others, and of none."""
    found = facts("better")
    assert seeds(found) == "3 seeds"
    found["contenders"][1]["numbers"]["accuracy"]["seeds"] = 2
    assert seeds(found) == "up to 3 seeds"
    found["contenders"] = []
    assert seeds(found | {"asked": {"seeds": 1}}) == "1 seed"


@pytest.mark.parametrize(
    ("budget", "words"),
    [(None, ""), (60.0, ""), (50.0, "took 1 min 2 s of 50 s asked"), (59.5, "")],
)
def test_a_budget_is_overrun_by_more_than_a_twentieth(budget: float | None, words: str) -> None:
    """A little longer is as asked."""
    assert overrun(facts() | {"asked": {"budget": budget}}) == words


def test_a_lineup_is_told_once() -> None:
    """One that is nothing but names is its own reason."""
    told = {"name": "a,b", "reason": "As asked: a,b."}
    assert lineup({"lineup": told}) == "As asked: a,b."
    told = {"name": "default", "reason": "Chosen for 9 pictures."}
    assert lineup({"lineup": told}) == "default: Chosen for 9 pictures."
