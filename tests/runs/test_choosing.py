"""From the question and the data to the line-up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bakeoff import recipes
from bakeoff.runs import choosing
from bakeoff.runs.choosing import EPOCHS, MOST, lineup_for
from bakeoff.runs.estimate import Pace
from bakeoff.runs.lineup import Lineup
from bakeoff.runs.question import Question
from bakeoff.spec.errors import SpecError
from tests.runs.baking import near, tiny
from tests.runs.digits import digits
from tests.training.jobs import DEVICE

FAST = Pace(flops=1e11, cores=2)


@pytest.fixture(autouse=True)
def _pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on every machine."""
    monkeypatch.setattr(choosing, "pace", lambda device: FAST)


def chosen(lineup: str = "default", subset: int = 1000, **asked: Any) -> Lineup:
    """The line-up for some of the digits."""
    question = Question(data="digits", lineup=lineup, **asked)
    return lineup_for(question, digits(subset), DEVICE)


def names(lineup: Lineup) -> list[str]:
    """Who takes part."""
    return [one.name for one in lineup.contenders]


def test_the_default_for_digits() -> None:
    """A floor and two networks, the cheap first, and why the others are not among them."""
    found = chosen()
    assert names(found) == ["nearest-pixels", "linear", "forest", "cnn3", "cnn3-deep"]
    assert found.epochs == EPOCHS
    assert found.reason == (
        "Chosen for 889 training pictures of 8 pixels in 10 classes, 2 cores, and 10 epochs "
        "each, as neither --budget nor --epochs was given."
    )
    left = {one.recipe: one.reason for one in found.left_out}
    assert left["speed"] == "so few pictures make only 10 steps of 2,000"
    assert left["probe-dinov2"].startswith("its weights are not on this machine; to fetch them: ")


def test_weights_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backbone whose weights are there takes part; one is not fetched unasked."""
    assert "probe-resnet50" not in names(chosen(seeds=1))
    monkeypatch.setattr(choosing, "_ON_CPU", ("linear", "probe-resnet50", "resnet18"))
    monkeypatch.setattr(choosing, "at_hand", lambda entry: entry.architecture == "resnet18")
    found = chosen(seeds=1)
    assert names(found) == ["linear", "resnet18"]
    assert [one.recipe for one in found.left_out] == ["probe-resnet50"]


def test_a_budget_takes_what_it_holds() -> None:
    """The shorter the time, the fewer take part; who does not is told with what it would take."""
    assert names(chosen(seconds=300.0)) == names(chosen())
    found = chosen(seconds=70.0)
    assert names(found) == ["nearest-pixels", "linear", "cnn3", "cnn3-deep"]
    assert found.epochs is None
    assert found.reason.endswith("2 cores, and a budget of 70 s.")
    left = {one.recipe: one.reason for one in found.left_out}
    assert "for each of 3 seeds, and the rest is cheaper" in left["forest"]


def test_there_are_never_too_many() -> None:
    """Even where there is time for more."""
    found = chosen(epochs=50.0, seeds=1)
    assert len(found.contenders) == MOST
    assert found.left_out[-1].reason


def test_a_budget_for_nobody() -> None:
    """The error says which budget would do."""
    with pytest.raises(SpecError) as caught:
        chosen(seconds=5.0)
    assert str(caught.value).startswith(
        "--budget is too small for 1 contender with 3 seeds: the smallest sensible one is about "
    )
    assert str(caught.value).endswith(
        "here, but is '5 s'. Allow more time, fewer contenders (--lineup) or fewer seeds (--seeds)."
    )


def test_who_is_named_is_not_left_out() -> None:
    """Of a list of recipes all take part, or none does; of a line-up those that the time holds."""
    with pytest.raises(SpecError, match="--budget is too small for 2 contenders with 3 seeds"):
        chosen("linear,cnn3", seconds=20.0)
    found = chosen("quick", seconds=45.0)
    assert 0 < len(found.contenders) < 4
    assert "its share would be about" in found.left_out[0].reason
    assert names(chosen("linear,cnn3", seconds=300.0)) == ["linear", "cnn3"]


def test_values_take_part() -> None:
    """Recipes that are given as values, those that end by themselves first."""
    own = {"tiny": tiny(), "near": near()}
    question = Question(data="digits", lineup="tiny,near")
    found = lineup_for(question, digits(), DEVICE, own)
    assert names(found) == ["near", "tiny"]
    assert found.contenders[1].recipe == own["tiny"]


def test_what_does_not_fit_is_refused() -> None:
    """With recipe, row and the way out as an option."""
    bad = tiny("bad", preprocess=replace(tiny().preprocess, size=4))
    deep = replace(bad, network=recipes.get("cnn10").network)
    with pytest.raises(SpecError, match=r"^recipe bad: .*give --size \d+"):
        lineup_for(Question(data="digits", lineup="bad"), digits(), DEVICE, {"bad": deep})


def test_the_named_budget_works() -> None:
    """What was spent already is in the figure, and asking for it is enough."""
    question = Question(data="digits", seconds=20.0)
    with pytest.raises(SpecError) as caught:
        lineup_for(question, digits(), DEVICE, spent=8.0)
    need = float(str(caught.value).split("one is about ")[1].split(" s ")[0])
    assert need > 20
    assert lineup_for(replace(question, seconds=need), digits(), DEVICE, spent=8.0).contenders
