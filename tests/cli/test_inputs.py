"""Options as declarations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bakeoff.cli.inputs import plan_for, share, split_plan
from bakeoff.spec import codec
from bakeoff.spec.errors import SpecError
from bakeoff.spec.split import SplitPlan
from tests.champion.made import record_of

NOTHING: dict[str, Any] = {
    "split": None,
    "val": None,
    "subset": None,
    "folds": None,
    "fold": 0,
    "seed": 0,
}


def test_no_options_are_the_default_plan() -> None:
    """Without options the plan is the default one."""
    assert split_plan(**NOTHING) == SplitPlan()


def test_a_champions_plan() -> None:
    """Without options it is that of the champion's training, where that is known; with any, theirs
    alone."""
    told, plan = record_of(), SplitPlan(val=7, seed=3)
    assert plan_for(told) == SplitPlan()
    told = replace(told, data={**told.data, "plan": codec.encode(plan)})
    assert plan_for(told) == plan
    assert plan_for(told, seed=0) == SplitPlan()
    assert plan_for(told, val="9") == SplitPlan(val=9)


def test_all_options_reach_the_plan() -> None:
    """Each option sets its own field."""
    given = {"split": "80/20", "val": "5000", "subset": 8000, "seed": 7}
    plan = split_plan(**{**NOTHING, **given})
    assert plan == SplitPlan(shares=(0.8, 0.2), val=5000, subset=8000, seed=7)
    assert split_plan(**{**NOTHING, "folds": 5, "fold": 2}) == SplitPlan(folds=5, fold=2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fold": 1}, "--fold needs --folds, but is 1."),
        ({"folds": 1}, "--folds must be 2 or more, but is 1."),
        ({"subset": 1}, "--subset must be 2 or more, but is 1."),
        ({"seed": -1}, "--seed must be 0 or more, but is -1."),
        (
            {"split": "80/10/10", "val": "10%"},
            "--val must not be given when shares name a validation part, but is 0.1.",
        ),
        (
            {"split": "80/10/10", "folds": 5},
            "--folds cannot be combined with a validation share, but is 5. Each fold is the "
            "validation part in its turn.",
        ),
    ],
)
def test_a_wrong_plan_names_the_option(given: dict[str, Any], message: str) -> None:
    """An error speaks of the option that was typed, not of the field behind it."""
    with pytest.raises(SpecError) as caught:
        split_plan(**{**NOTHING, **given})
    assert str(caught.value) == message


@pytest.mark.parametrize(("text", "value"), [("5%", 0.05), ("0.05", 0.05), ("0", 0), ("100%", 1)])
def test_share(text: str, value: float) -> None:
    """A share is a percentage or a fraction."""
    assert share(text, field="--max-broken") == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "5", "101%", "-1%", "five", "nan"])
def test_share_refuses(text: str) -> None:
    """What is no share is refused with the way to write one."""
    with pytest.raises(SpecError) as caught:
        share(text, field="--max-broken")
    assert str(caught.value) == (
        f"--max-broken must be a share between 0% and 100%, but is {text!r}. Write 5% or 0.05."
    )
