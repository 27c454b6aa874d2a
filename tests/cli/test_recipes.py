"""`bakeoff recipes`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bakeoff.cli import main, recipes
from bakeoff.recipes import FAMILIES, RECIPES
from bakeoff.spec import codec
from bakeoff.spec.recipe import Recipe

MINE = """
from bakeoff.spec.network import Backbone, Classes, Dense, Dropout, Flatten, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Stage

def small():
    rows = (Flatten(), Dense(width=4), Dropout(rate=0.5), Classes())
    return Recipe(name="small", network=Network(rows=rows), stages=(Stage(epochs=2),))

def other():
    network = Network(backbone=Backbone(name="resnet10t"))
    return Recipe(name="other", network=network, stages=(Stage(epochs=2, train="head"),))

def deeper():
    network = Network(backbone=Backbone(name="resnet18"))
    return Recipe(name="deeper", network=network, stages=(Stage(epochs=2, train=2),))
"""


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a program reads."""
    assert main(["recipes", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """What a person reads."""
    assert main(["recipes", *words]) == 0
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file with recipes of a user's own."""
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


@pytest.fixture
def no_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that cannot train."""
    monkeypatch.setattr(recipes, "find_spec", lambda name: None)


def test_list(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every recipe is listed under its family: note, parameters, side of its input."""
    monkeypatch.setenv("COLUMNS", "200")
    listed = lines(capsys)
    assert [line for line in listed if line in FAMILIES] == list(FAMILIES)
    rows = {line.split()[0]: line for line in listed if line}
    for name, make in RECIPES.items():
        assert make().note in rows[name]
    assert rows["cnn10"].split()[-2:] == ["5,772,970", "32"]
    assert rows["inception-v3"].split()[-2:] == ["22,859,050", "299"]
    assert rows["tree"].split()[-2:] == ["–", "8"]


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets the same facts."""
    read = document(capsys)
    assert [recipe["name"] for recipe in read] == list(RECIPES)
    assert read[0] == {
        "name": "cnn3",
        "note": "Three convolutions, one dense layer: the small one.",
        "family": "Convolutional networks",
        "total_params": 356_810,
        "input_size": 32,
    }


def test_show(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mine: Path
) -> None:
    """A recipe is shown with layers, totals, stages, preprocessing, augmentation and digest."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = lines(capsys, "show", f"{mine}:small", "--size", "8", "--classes", "3")
    assert shown[:-1] == [
        "small",
        "For pictures of 8×8; 3 classes.",
        "",
        "#  layer              output  parameters",
        "1  Flatten               192           0",
        "2  Dense    width 4        4         772",
        "3  Dropout  rate 0.5       4           0",
        "4  Classes                 3          15",
        "",
        "Parameters  787 as Keras counts, 787 trainable",
        "            787 as PyTorch counts",
        "FLOPs       1,560 for one picture, forward; a multiply-add is two",
        "Memory      about 17.1 kB to train a batch of 128, single precision",
        "On disk     3.1 kB of weights, single precision",
        "",
        "Stages",
        "#  epochs  trainable   memory  settings",
        "1       2        787  17.1 kB  batch 128, optimiser SGD(rate 0.1), schedule",
        "                               Cosine",
        "",
        "Preprocessing  size 8, mean and std of the training pictures",
        "Augmentation   none",
    ]
    assert shown[-1].startswith("Digest         ")


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("cnn10", 5_772_970),
        ("vgg10", 28_340_298),
        ("cnn3", 356_810),
        ("vgg6", 2_196_810),
        ("vgg6-bn", 2_200_394),
        ("vgg6-wide", 3_514_698),
        ("cnn-scheduled", 4_101_450),
    ],
)
def test_totals_from_scratch(capsys: pytest.CaptureFixture[str], name: str, total: int) -> None:
    """Published totals hold, and are the sum over the layers."""
    read = document(capsys, "show", name)
    assert read["total_params"] == total
    assert sum(layer["params"] for layer in read["layers"]) == total
    assert read["trainable_params"] == read["pytorch_params"] <= total
    assert read["weights_bytes"] == 4 * total


@pytest.mark.parametrize(
    ("name", "total", "trainable"),
    [
        ("vgg16-dense", 41_071_690, 26_353_418),
        ("vgg16-conv", 17_477_450, 9_839_114),
        ("resnet50-dense", 49_723_082, 40_898_506),
    ],
)
def test_totals_on_backbones(
    capsys: pytest.CaptureFixture[str], name: str, total: int, trainable: int
) -> None:
    """Published totals hold with Keras's own count of the backbone; trainable is the last stage."""
    read = document(capsys, "show", name)
    assert (read["total_params"], read["trainable_params"]) == (total, trainable)
    assert sum(layer["params"] for layer in read["layers"]) == total
    assert read["stages"][-1]["trainable_params"] == trainable
    assert read["memory_bytes"] == max(stage["memory_bytes"] for stage in read["stages"])


def test_show_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets the recipe itself, and every number that people read."""
    read = document(capsys, "show", "vgg6-bn")
    recipe = RECIPES["vgg6-bn"]()
    assert codec.loads(Recipe, json.dumps(read["recipe"])) == recipe
    assert (read["name"], read["note"]) == (recipe.name, recipe.note)
    assert read["digest"] == codec.digest(recipe)
    assert (read["size"], read["input_size"], read["classes"]) == (32, 32, 10)
    assert read["layers"][0] == {
        "number": "1",
        "layer": "Conv",
        "fields": "width 64",
        "output": [32, 32, 64],
        "params": 1_792,
    }
    assert read["stages"][0]["epochs"] == 100
    assert read["flops"] > 10**8
    assert read["memory_bytes"] > 10**8


def test_how_ours_differs_from_keras(capsys: pytest.CaptureFixture[str]) -> None:
    """ResNet-50 is counted as Keras does, and it is said what Keras's has and ours has not."""
    shown = " ".join(lines(capsys, "show", "resnet50-dense"))
    assert "Ours has 26,560 numbers fewer: in Keras each of its 53 convolutions has a bias" in shown
    assert "brought to 224×224 inside the model" in shown


def test_show_an_estimator(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classical model is shown with what it sees, its method and the settings it tries."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = lines(capsys, "show", "tree")
    assert shown[4:7] == [
        "1  Pixels        side 8   8×8×3           0",
        "2  Standardise              192         384",
        "3  DecisionTree              10           –",
    ]
    assert "Parameters  depend on the training pictures" in shown
    assert "               depth 7, leaf 50" in shown


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_shown(
    capsys: pytest.CaptureFixture[str], no_timm: None, name: str
) -> None:
    """Even where nothing can be trained, the shipped recipes can be read."""
    assert RECIPES[name]().note in " ".join(lines(capsys, "show", name))


def test_what_cannot_be_told_without_timm(
    capsys: pytest.CaptureFixture[str], no_timm: None, mine: Path
) -> None:
    """Totals are known without timm; what two blocks hold is not, which is said."""
    read = document(capsys, "show", f"{mine}:deeper")
    assert (read["total_params"], read["pytorch_params"]) == (11_191_242, 11_181_642)
    assert (read["trainable_params"], read["memory_bytes"]) == (None, None)
    note = "What its last blocks hold can be told where torch and timm are installed."
    assert read["notes"] == [note]
    assert note in " ".join(lines(capsys, "show", f"{mine}:deeper"))


def test_an_unknown_backbone_without_timm(
    capsys: pytest.CaptureFixture[str], no_timm: None, mine: Path
) -> None:
    """A backbone that we know nothing about asks for the part that does."""
    assert main(["recipes", "show", f"{mine}:other"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: backbone resnet10t needs the optional part 'train', which")


def test_any_backbone_with_timm(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    """Where timm is, it is asked about whatever is not known without it."""
    assert document(capsys, "show", f"{mine}:deeper")["trainable_params"] > 8 * 10**6
    read = document(capsys, "show", f"{mine}:other", "--classes", "3")
    assert read["trainable_params"] == 513 * 3
    assert read["memory_bytes"] > 4 * read["pytorch_params"]


def test_a_size_that_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    """The first row that does not fit is named, with a way out."""
    assert main(["recipes", "show", "cnn10", "--size", "8"]) == 2
    assert capsys.readouterr().err == (
        "Error: row 19, MaxPool(): 1×1 input is smaller than its 2×2 window; the pictures are 8×8, "
        "so drop a pool or pass size=32.\n"
    )


def test_a_size_that_fits_the_rows_and_not_the_crop(capsys: pytest.CaptureFixture[str]) -> None:
    """What else the size breaks is said as training would say it."""
    assert main(["recipes", "show", "vgg6-bn", "--size", "8"]) == 2
    message = "Error: Recipe.augment.cutout must be smaller than the pictures (8 pixels), but is 8."
    assert capsys.readouterr().err.startswith(message)


def test_other_sizes_and_classes(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows adapt: global pooling keeps the count at any size, classes change the last layer."""
    read = document(capsys, "show", "cnn10", "--size", "64", "--classes", "3")
    assert read["total_params"] == 5_772_970 - 7 * 513
    assert read["layers"][0]["output"] == [64, 64, 32]
    assert read["recipe"]["preprocess"]["size"] == 64
