"""What a card says of where a champion comes from, and of what travels with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from bakeoff.champion import record
from bakeoff.champion.crowning.card import card
from bakeoff.champion.crowning.crown import crown
from bakeoff.champion.opening import open as opened
from bakeoff.champion.record import Record, Unknown
from bakeoff.spec.estimator import Estimator, LinearRegression, NearestNeighbours, Pixels
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone, Network
from bakeoff.spec.recipe import Recipe
from tests.champion.crowned import light, untrained
from tests.champion.crowning.test_specimens import own_pictures
from tests.runs.baking import baked, cheap, near, tiny
from tests.runs.digits import digits, recipe, run
from tests.training.jobs import stage

SMALL = Backbone(name="test_resnet", weights="random", size=32, padding="own")
_NORMAL = Preprocess(size=32, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    light(monkeypatch)
    cheap(monkeypatch)


def on_features() -> Recipe:
    """Nearest neighbours by what a backbone makes of pictures."""
    network = Estimator(method=NearestNeighbours(count=5), inputs=SMALL)
    return Recipe(name="near-on-features", network=network, preprocess=_NORMAL)


def linear(**fields: Any) -> Recipe:
    """Linear regression on pixels."""
    network = Estimator(method=LinearRegression(), inputs=Pixels(side=4), **fields)
    return Recipe(name="linear", network=network)


def transferred(train: Any) -> Recipe:
    """A head on a backbone."""
    return recipe(
        stage(batch=32, epochs=1, train=train),
        network=Network(backbone=SMALL),
        preprocess=_NORMAL,
    )


@pytest.mark.parametrize(
    ("declared", "form", "then"),
    [
        (near(), "reduced copies (8×8 pixels)", "whoever gets it can look at them"),
        (on_features(), "features", "can tell by them whether a picture was among those"),
    ],
)
@pytest.mark.parametrize("own", [False, True])
def test_neighbours_are_the_data(
    tmp_path: Path, declared: Recipe, form: str, then: str, own: bool
) -> None:
    """Where weights are training pictures the card says so at its top and where it tells what
    travels, whatever the goldens are; and that nothing was learnt."""
    made = run(tmp_path / "run", declared).run
    goldens = own_pictures(tmp_path / "own", 8) if own else None
    out = crown(made.path, digits(), tmp_path / "champion", goldens=goldens)
    held = len(load_file(out / "weights.safetensors")["head.scores.bank"])
    assert held == len(digits().split.train)
    champion = opened(out)
    said = form if form.startswith("reduced") else "the features"
    assert champion.record.notes[-1] == (
        f"The data travels with it: weights.safetensors holds {said} of all {held} training "
        "pictures, with their labels, whatever its golden pictures are."
    )
    text = champion.card
    assert "> ⚠ The data travels with it: " in text
    private = text.partition("## What travels with it")[2].partition("\n## ")[0]
    assert f"holds {form} of all {held} training pictures, with their labels" in private
    assert then in private
    assert ("a few pictures of the validation part" in private) is not own
    assert "none of the data travels" not in text
    assert "statistics alone" not in text
    assert f"most are {form} of {held} training pictures, kept to be compared with" in text
    assert "numbers were learnt" not in text


def test_what_is_learnt_is_not_the_data(tmp_path: Path) -> None:
    """A regression with pictures of one's own takes nothing of the data along."""
    made = run(tmp_path / "run", linear()).run
    goldens = own_pictures(tmp_path / "own", 8)
    champion = opened(crown(made.path, digits(), tmp_path / "champion", goldens=goldens))
    assert "Own pictures; none of the data travels." in champion.card
    assert "The data travels" not in champion.card


@pytest.mark.parametrize(("train", "whole"), [("head", False), (1, False), ("all", True)])
def test_how_many_were_learnt(tmp_path: Path, train: Any, whole: bool) -> None:
    """Of a backbone that stays as it came no number is called learnt."""
    made = untrained(tmp_path / "run", transferred(train))
    champion = opened(crown(made.path, digits(), tmp_path / "champion"))
    total, own = champion.record.weights.parameters, champion.record.data["weights"]["learnt"]
    assert (own == total) is whole
    if train == "head":
        assert own == 10 * (96 + 1)
    told = (
        f"All {total:,} numbers were learnt."
        if whole
        else f"{own:,} of {total:,} numbers were learnt here; the others are the backbone's, as "
        "they came."
    )
    assert told in champion.card
    assert (
        "The backbone is timm's `test_resnet`, with random weights: it has learnt from no other "
        "pictures."
    ) in champion.card


def test_whose_the_backbone_is(tmp_path: Path) -> None:
    """Published weights come with their place, what they saw and their licence, as far as known; a
    file by its name alone."""
    made, declared = written(tmp_path)

    def said(**facts: Any) -> str:
        data = {**made.data, "weights": {**made.data["weights"], "backbone": facts}}
        return card(replace(made, data=data), declared, files=["model.onnx"], terms=None)

    facts: Mapping[str, Any] = {"name": "resnet18.a1_in1k", "weights": "pretrained"}
    text = said(**facts, place="timm/resnet18.a1_in1k", licence="apache-2.0", seen=["ImageNet-1k"])
    assert (
        "The backbone is timm's `resnet18.a1_in1k`, with the weights published for it "
        "(`timm/resnet18.a1_in1k`), trained on ImageNet-1k; as their licence timm gives apache-2.0."
    ) in text
    text = said(**facts, place=None, licence=None, seen=[])
    assert "with the weights published for it; as their licence timm gives none." in text
    assert (
        "with the weights of a file that was given, `mine.safetensors`: their licence, and what "
        "they were trained on, are not known here."
    ) in said(name="resnet18", weights="file", file="mine.safetensors")


def written(folder: Path) -> tuple[Record, Recipe]:
    """What a champion is written from."""
    made = run(folder / "run", tiny()).run
    out = crown(made.path, digits(), folder / "champion")
    return record.loads((out / record.FILE).read_bytes()), made.recipe()


def test_another_seed_of_what_is_not_random(tmp_path: Path) -> None:
    """Card and verdict agree on it; where there is a grid, the folds are spoken of."""
    baked(tmp_path / "out", near())
    champion = opened(crown(tmp_path / "out", digits(), tmp_path / "champion"))
    assert "whatever the seed" in champion.card
    assert "Nothing in it is random: another seed gives the same." in champion.card
    assert "another training would differ" not in champion.card
    grid = linear(grid=(LinearRegression(penalty=1.0),), folds=2, sample=None)
    made = run(tmp_path / "grid", grid).run
    champion = opened(crown(made.path, digits(), tmp_path / "other"))
    assert (
        "Nothing in its fit is random: another seed gives the same, unless the folds that it draws "
        "choose another of its settings."
    ) in champion.card
    made = run(tmp_path / "tiny", tiny()).run
    champion = opened(crown(made.path, digits(), tmp_path / "third"))
    assert "how much another training would differ is not known" in champion.card


def test_sentences(tmp_path: Path) -> None:
    """They end, with or without a note; openings of the test part are counted in one way; classes
    are counted in English."""
    made, declared = written(tmp_path)

    def said(opened: int | None, note: str = "") -> str:
        data = {**made.data, "opened": opened}
        own = replace(declared, note=note)
        return card(replace(made, data=data), own, files=["model.onnx"], terms=None)

    assert (
        "An image classifier: a recipe of its own. It sorts pictures into 10 classes: "
    ) in said(1)
    assert "An image classifier: Small. It sorts" in said(1, "Small.")
    assert "An image classifier: Small. It sorts" in said(1, "Small")
    assert "The test part was opened once, for these numbers." in said(1)
    assert (
        "The test part was opened for these numbers, and had been opened 1 time before: 2 times in "
        "all."
    ) in said(2)
    assert "The test part is sealed." in said(None)


def test_what_shares_mean(tmp_path: Path) -> None:
    """Whoever reads of foreign pictures is told what not to count on."""
    made, declared = written(tmp_path)
    shares = {"noise": 0.2, "shapes": 0.5, "smooth noise": 0.95, "scanned digits": 0.1}
    rows = tuple(
        {"name": name, "pictures": 200, "recognised": value, "low": value, "high": value}
        for name, value in shares.items()
    )
    alarms = {"value": 0.05, "low": 0.04, "high": 0.06}
    told = {"stated": 0.05, "pictures": 2500, "alarms": alarms}
    made = replace(
        made,
        unknown=Unknown(method="energy", threshold=0.0, false_alarms=0.05, foreign=rows),
        metrics={**made.metrics, "unknown": told},
    )
    text = card(made, declared, files=["model.onnx"], terms=None)
    assert "5.00% (4.00% to 6.00%). Recognised of pictures that belong to none, all but the" in text
    assert (
        "Hardly recognised: noise and scanned digits. Do not count on it for such pictures. "
        "Recognised in part: shapes. Many of them get a class all the same. Mostly recognised: "
        "smooth noise. Photographs of other things are not among them, and may well be harder: try "
        "it on some of yours before you rely on it."
    ) in text


def test_weights_are_counted_once(tmp_path: Path) -> None:
    """A network that was trained from scratch has no numbers but its own."""
    made, _ = written(tmp_path)
    assert made.data["weights"] == {
        "learnt": made.weights.parameters,
        "kept": None,
        "backbone": None,
    }
    assert np.isfinite(made.temperature)
