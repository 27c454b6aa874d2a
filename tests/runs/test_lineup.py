"""Line-ups by name."""

from __future__ import annotations

import pytest

from bakeoff import recipes
from bakeoff.cli import run
from bakeoff.runs.lineup import LINEUPS, adjusted, declared
from bakeoff.runs.question import DEFAULT
from bakeoff.spec.errors import SpecError
from tests.runs.baking import tiny

ROWS = (
    *("cnn10", "vgg10", "cnn3", "cnn3-deep", "cnn3-deep-dropout", "cnn3-deep-augmented", "vgg6"),
    *("vgg6-bn", "vgg6-wide", "cnn-scheduled", "cnn3-relu", "blocks-a", "blocks-b", "resnet50"),
    *("vgg16", "inception-v3-frozen", "inception-v3-augmented", "inception-v3"),
    *("inception-v3-dropout", "vgg16-dense", "vgg16-dense-tuned", "vgg16-dense-augmented"),
    *("vgg16-dense-augmented-tuned", "vgg16-conv", "resnet50-dense", "resnet50-dense-unfrozen"),
    *("resnet18", "vgg16-frozen", "xception", "linear", "tree", "forest", "boosting"),
)
"""Every system of the reports."""


@pytest.mark.parametrize("name", LINEUPS)
def test_every_lineup_resolves(name: str) -> None:
    """Its recipes are there, each once."""
    called, found = declared(name)
    assert called == name
    assert [one.name for one in found] == list(LINEUPS[name])
    assert len(set(LINEUPS[name])) == len(found) > 1


def test_the_reports_are_complete() -> None:
    """Each row of the reports is in the line-up of that name, and nothing else."""
    assert set(LINEUPS["reports"]) == set(ROWS)


def test_the_command_line_names_them_all() -> None:
    """Its help lists the line-ups that there are."""
    assert set(run.LINEUPS) == {DEFAULT, *LINEUPS}


def test_a_list_of_recipes() -> None:
    """Recipes with commas between, in the order that they are named, values among them."""
    name, found = declared(" linear, mine ,cnn3", {"mine": tiny("mine")})
    assert name == "linear,mine,cnn3"
    assert [one.name for one in found] == ["linear", "mine", "cnn3"]


def test_lineups_among_recipes() -> None:
    """A line-up in a list stands for its recipes; who is in it anyway takes part once."""
    name, found = declared("quick,resnet50,cnn3")
    assert name == "quick,resnet50,cnn3"
    assert [one.name for one in found] == [*LINEUPS["quick"], "resnet50"]
    with pytest.raises(SpecError, match="--lineup default is chosen as a whole, and takes nobody"):
        declared("default,cnn3")


def test_a_lineup_and_a_recipe_of_one_name() -> None:
    """Alone the word is the line-up, among others the recipe."""
    assert [one.name for one in declared("speed")[1]] == ["speed", "speed-wide"]
    assert [one.name for one in declared("linear,speed")[1]] == ["linear", "speed"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "cnn3,resnet5",
            "--lineup must name a line-up, or recipes with commas between, but is 'resnet5'. Did "
            "you mean 'resnet50'? (Known: ",
        ),
        (
            "quik",
            "--lineup must name a line-up, or recipes with commas between, but is 'quik'. Did",
        ),
        ("cnn3,linear,cnn3", "--lineup names cnn3 twice."),
        (
            ",",
            "--lineup must name a line-up (default, quick, reports, scratch, transfer, classical, "
            "speed, best) or recipes, but is ','.",
        ),
        ("my.yaml:x", "recipe must name a Python file and a function in it"),
    ],
)
def test_what_is_no_lineup(words: str, message: str) -> None:
    """A misspelt name is told with the nearest known one."""
    with pytest.raises(SpecError) as caught:
        declared(words)
    assert str(caught.value).startswith(message)


def test_what_was_changed_is_said() -> None:
    """A size that fits and other weights are remarks on the contender."""
    grown, remarks = adjusted(recipes.get("cnn3"), side=8, classes=10, size=None, weights="random")
    assert grown.preprocess.size == 24
    assert remarks == ("Pictures are brought to 24 pixels a side, as its layers do not fit 8.",)
    _, remarks = adjusted(recipes.get("cnn3"), side=400, classes=10, size=None, weights=None)
    assert remarks == (
        "Pictures are brought to 64 pixels a side, as networks from scratch gain little by 400.",
    )
    _, remarks = adjusted(recipes.get("resnet18"), side=8, classes=10, size=32, weights="random")
    assert remarks == ("Its backbone has the weights random, as asked.",)
    same, remarks = adjusted(recipes.get("linear"), side=8, classes=10, size=32, weights=None)
    assert (same, remarks) == (recipes.get("linear"), ())
