"""A bake-off from the question to result.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from bakeoff.evaluation.choice import choose
from bakeoff.evaluation.metrics import measure
from bakeoff.runs import bakeoff, judging, rounds
from bakeoff.runs.board import Doing, Happening
from bakeoff.runs.execute import execute
from bakeoff.runs.ledger import openings
from bakeoff.runs.reopen import predict
from bakeoff.runs.run import Run
from bakeoff.spec.errors import DataError, SpecError
from bakeoff.spec.split import SplitPlan
from tests.runs.baking import baked, cheap, near, tiny
from tests.runs.digits import digits


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are not measured."""
    cheap(monkeypatch)


def result(out: Path) -> dict[str, Any]:
    """What the bake-off found."""
    found: dict[str, Any] = json.loads((out / "result.json").read_text())
    return found


def row(found: dict[str, Any], name: str) -> dict[str, Any]:
    """One contender."""
    return next(one for one in found["contenders"] if one["name"] == name)


def test_from_the_question_to_the_verdict(tmp_path: Path) -> None:
    """Every number is of the stored predictions of the test part, which was opened once."""
    baked(tmp_path, tiny(), near(), seeds=2)
    found = result(tmp_path)
    assert (found["schema"], found["kind"], found["part"]) == (1, "bakeoff", "test")
    assert found["opened"] == {"times": 1, "before": 0}
    assert found["verdict"]["winner"] == "near"
    assert found["asked"]["budget"] is None
    assert found["data"]["digest"] == digits().digest
    assert sum(found["data"]["counts"]["test"]) == len(digits().split.test)
    assert set(found["seconds"]) == {"total", "prepare", "train", "test"}
    assert found["environment"]["device"] == "cpu"
    (pair,) = found["pairs"]
    assert {pair["first"], pair["second"], pair["outcome"]} == {"near", "tiny", "better"}
    one = row(found, "near")
    tables = [Run(path=tmp_path / run["path"]).predictions("test") for run in one["runs"]]
    for run, table in zip(one["runs"], tables, strict=True):
        np.testing.assert_array_equal(table["indices"], digits().split.test)
        metrics = measure(table["probabilities"], table["labels"], digits().classes)
        assert run["accuracy"] == metrics.accuracy
    assert one["numbers"]["accuracy"]["value"] == pytest.approx(
        np.mean([run["accuracy"] for run in one["runs"]])
    )
    assert np.sum(one["confusion"]) == 2 * len(digits().split.test)
    assert sum(score["support"] for score in one["classes"]) == len(digits().split.test)
    assert one["cost"]["parameters"] == len("near-0")
    assert one["shape"]["family"] == "Own recipes"
    assert row(found, "tiny")["runs"][0]["epochs"] == 1.0


def test_the_choice_is_made_on_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the test part is opened, and whatever it shows."""
    asked: list[str] = []

    def looked(run: Run, dataset: Any, part: str, **how: Any) -> Any:
        asked.append(part)
        return predict(run, dataset, part, **how)

    def chosen(*args: Any) -> Any:
        asked.append("choice")
        return choose(*args)

    monkeypatch.setattr(judging, "predict", looked)
    monkeypatch.setattr(judging, "choose", chosen)
    baked(tmp_path, tiny(), near())
    assert asked == ["choice", "test", "test"]


def test_the_test_part_stays_sealed(tmp_path: Path) -> None:
    """With test=False nothing of it is looked at, and the numbers say so; later it may be opened,
    without training anything again."""
    baked(tmp_path, tiny(), near(), test=False)
    found = result(tmp_path)
    assert (found["part"], found["opened"]) == ("val", None)
    assert found["verdict"]["winner"] == "near"
    assert row(found, "near")["numbers"]["accuracy"]["n"] == len(digits().split.val)
    assert openings(digits()) == ()
    assert not list(tmp_path.rglob("test.npz"))
    assert "The test part was not opened" in " ".join(found["verdict"]["warnings"])
    baked(tmp_path, tiny(), near())
    assert (result(tmp_path)["part"], len(openings(digits()))) == ("test", 1)


def test_openings_are_counted(tmp_path: Path) -> None:
    """Another bake-off on the same test part counts; going on with one does not."""
    baked(tmp_path / "a", near())
    baked(tmp_path / "b", near())
    baked(tmp_path / "b", near())
    found = result(tmp_path / "b")
    assert found["opened"] == {"times": 2, "before": 1}
    assert "had been opened 1 time before" in " ".join(found["verdict"]["warnings"])


@pytest.mark.parametrize(
    "change", [{"prefer": "size"}, {"max_latency": 1.0}, {"max_size": 9999}, {"margin": 0.1}]
)
def test_no_choice_after_the_test(tmp_path: Path, change: dict[str, Any]) -> None:
    """Who has seen the test part chooses no more; before that the choice may change."""
    baked(tmp_path, near(), test=False)
    baked(tmp_path, near(), test=False, **change)
    baked(tmp_path, near(), **change)
    with pytest.raises(SpecError, match="the test part has been opened, and a choice made now"):
        baked(tmp_path, near())
    assert baked(tmp_path, near(), **change).finished


def test_stopped_while_testing(tmp_path: Path) -> None:
    """The opening is on record; going on reads what was predicted and asks for the rest."""
    asked: list[bool] = []

    def listen(happening: Happening) -> None:
        if isinstance(happening, Doing) and happening.text == "test pictures by a, seed 0":
            asked.append(True)

    both = near("a"), near("b")
    assert not baked(tmp_path, *both, listen=listen, stop=lambda: bool(asked)).finished
    assert len(openings(digits())) == 1
    assert len(list(tmp_path.rglob("test.npz"))) == 1
    assert baked(tmp_path, *both).finished
    assert result(tmp_path)["opened"] == {"times": 1, "before": 0}


def test_crashed_contenders_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their reason, and without numbers; a bake-off of nothing else has no winner."""
    bad = tiny("bad")

    def executed(recipe: Any, *args: Any, **how: Any) -> Any:
        if recipe.name == "bad":
            raise RuntimeError("out of paper")
        return execute(recipe, *args, **how)

    monkeypatch.setattr(rounds, "execute", executed)
    baked(tmp_path / "both", bad, near())
    found = result(tmp_path / "both")
    assert found["verdict"]["winner"] == "near"
    one = row(found, "bad")
    assert (one["status"], one["numbers"], one["cost"]) == ("crashed", {}, {})
    assert "out of paper" in one["reason"]
    baked(tmp_path / "alone", bad)
    found = result(tmp_path / "alone")
    assert (found["verdict"]["winner"], found["opened"]) == (None, None)
    assert found["verdict"]["paragraph"]


def test_several_views(tmp_path: Path) -> None:
    """A column apart, from predictions apart."""
    baked(tmp_path, tiny(), tta=True)
    one = row(result(tmp_path), "tiny")
    table = Run(path=tmp_path / "runs" / "tiny-0").predictions("test-tta")
    right = float((table["probabilities"].argmax(1) == table["labels"]).mean())
    assert one["numbers"]["tta"]["value"] == one["runs"][0]["tta"] == right
    assert one["runs"][0]["accuracy"] is not None


def test_seeds_of_one_recipe_only(tmp_path: Path) -> None:
    """Runs that were made by another recipe are compared with nobody, and the reason is given."""
    baked(tmp_path, tiny(), near(), seeds=2)
    path = tmp_path / "runs" / "tiny-1" / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "recipe": "0" * 64}))
    baked(tmp_path, tiny(), near(), seeds=2)
    one = row(result(tmp_path), "tiny")
    assert one["reason"] == (
        "not comparable: its seeds were trained by recipes of different digests"
    )
    assert (one["numbers"], result(tmp_path)["pairs"]) == ({}, [])


def test_costs_that_cannot_be_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row without its costs, and a warning, are better than no row."""

    def fail(run: Run, **how: Any) -> None:
        raise RuntimeError("no clock")

    monkeypatch.setattr(bakeoff, "measured", fail)
    baked(tmp_path, near())
    one = row(result(tmp_path), "near")
    assert one["warnings"] == ["Its costs could not be measured: no clock"]
    assert set(one["cost"]) == {"training"}


def test_leaks_are_told(tmp_path: Path) -> None:
    """Test pictures with a copy in training are counted, and the accuracy without them given."""
    data = digits()
    twin = data.split.test[0]
    copied = replace(
        data,
        scan=replace(
            data.scan,
            digests=_with(data.scan.digests, data.split.train[0], twin),
            thumbs=_with(data.scan.thumbs, data.split.train[0], twin),
        ),
    )
    baked(tmp_path, near(), dataset=copied)
    found = result(tmp_path)
    assert twin in found["data"]["leaked"]["indices"]
    clean = row(found, "near")["numbers"]["clean_accuracy"]
    assert clean["n"] == len(data.split.test) - found["data"]["leaked"]["pictures"]
    assert found["verdict"]["warnings"][0].startswith("Leak: ")


def _with(values: Any, place: int, source: int) -> Any:
    changed = values.copy()
    changed[place] = values[source]
    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 2}, "--seeds of .* must be what it began with, 1, but is 2."),
        ({"epochs": 2.0}, "--epochs of .* must be what it began with, not given, but is 2.0."),
    ],
)
def test_another_question(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """In the directory of a bake-off another one is refused."""
    baked(tmp_path, near())
    with pytest.raises(SpecError, match=message):
        baked(tmp_path, near(), **change)


def test_another_recipe_of_the_same_name(tmp_path: Path) -> None:
    """A recipe that was changed since is another contender."""
    baked(tmp_path, tiny())
    with pytest.raises(SpecError, match=r"the recipe tiny of .* must be what it was when the bake"):
        baked(tmp_path, replace(tiny(), note="changed"))


def test_other_data(tmp_path: Path) -> None:
    """Other pictures are refused."""
    baked(tmp_path, near())
    with pytest.raises(DataError, match="must be the data it began with"):
        baked(tmp_path, near(), dataset=digits(150))


def test_two_at_once(tmp_path: Path) -> None:
    """One directory is written by one bake-off at a time."""
    baked(tmp_path, near())
    with FileLock(tmp_path / ".lock"), pytest.raises(DataError, match="another bake-off that"):
        baked(tmp_path, near())


def test_without_a_test_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is measured on validation where there is nothing else."""
    none = replace(digits(), split=replace(digits().split, test=digits().split.test[:0]))
    assert none.plan == SplitPlan(subset=200, seed=0)
    baked(tmp_path, near(), dataset=none)
    assert result(tmp_path)["part"] == "val"
