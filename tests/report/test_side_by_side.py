"""Two bake-offs side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.report.findings import Findings
from bakeoff.report.side_by_side import side_by_side, side_by_side_page
from tests.report.bakeoffs import made
from tests.report.test_page import HOSTILE, outline


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the bake-offs of these tests are."""
    return tmp_path_factory.mktemp("beside")


def bakeoff(root: Path, name: str, *args: Any, **rest: Any) -> Findings:
    """One bake-off, made."""
    return Findings.open(made(root / name, *args, **rest))


@pytest.fixture(scope="module")
def before(root: Path) -> Findings:
    """Four contenders."""
    return bakeoff(root, "before", 4, 2, 600, accuracies=(0.9, 0.8, 0.7, 0.6))


@pytest.fixture(scope="module")
def after(root: Path) -> Findings:
    """Three of them again, the second of which fares worse."""
    return bakeoff(root, "after", 3, 2, 600, accuracies=(0.91, 0.6, 0.7))


def changed(found: Findings, **rest: Any) -> Findings:
    """The same with other facts of its data."""
    facts = json.loads(json.dumps(found.facts))
    facts["part"] = rest.pop("part", facts["part"])
    facts["data"] |= rest
    return replace(found, facts=facts)


def test_the_same_name_is_compared_on_the_same_pictures(before: Findings, after: Findings) -> None:
    """Second minus first, with an interval, an outcome and words; the rest is named."""
    found = side_by_side(before, after)
    assert found.reasons == ()
    assert [match.name for match in found.matches] == ["resnet50", "convnext_tiny", "cnn10"]
    by_name = {match.name: match for match in found.matches}
    worse = by_name["convnext_tiny"].pair
    assert worse is not None
    assert worse.outcome == "worse"
    assert worse.difference == pytest.approx(-0.2, abs=0.01)
    assert worse.low < worse.difference < worse.high < 0
    assert by_name["cnn10"].pair is None
    assert by_name["cnn10"].identical
    assert by_name["cnn10"].words.startswith("cnn10 is the same in both")
    assert found.only_first == ("linear-probe",)
    assert found.only_second == ()
    assert by_name["convnext_tiny"].words.startswith(
        "convnext_tiny is worse in the second: −20.0 pp (95% interval −"
    )


def test_pictures_are_matched_by_their_place(before: Findings, root: Path) -> None:
    """The same predictions in another order are the same predictions."""
    turned = bakeoff(root, "turned", 4, 2, 600, accuracies=(0.9, 0.8, 0.7, 0.6))
    for file in turned.path.glob("runs/*/predictions/test.npz"):
        with np.load(file) as saved:
            tables = {name: saved[name][::-1] for name in saved.files}
        np.savez(file, **tables)
    for match in side_by_side(before, turned).matches:
        assert match.identical


def test_a_fit_that_was_repeated(root: Path) -> None:
    """Where nothing is random, the same predictions are the same, in however many runs; and
    others are compared as one run each."""
    names = ("before", "again", "worse")
    accuracies = ((0.9,), (0.9,), (0.6,))
    all_seeds = [
        bakeoff(root, f"{name}-fixed", 1, 1, 600, accuracies=some)
        for name, some in zip(names, accuracies, strict=True)
    ]
    facts = json.loads(json.dumps(all_seeds[1].facts))
    facts["contenders"][0]["runs"] *= 2
    first, again, worse = all_seeds[0], replace(all_seeds[1], facts=facts), all_seeds[2]
    (match,) = side_by_side(first, again).matches
    assert match.identical
    for one in (again, worse):
        one.facts["contenders"][0]["deterministic"] = True
    (match,) = side_by_side(again, worse).matches
    assert match.pair is not None
    assert match.pair.deterministic
    assert match.pair.outcome == "worse"


def test_the_correction_counts_all_matches(before: Findings, after: Findings) -> None:
    """A difference that chance explains among so many comparisons is not called one."""
    found = side_by_side(before, after)
    pairs = sorted((match.pair for match in found.matches if match.pair), key=lambda one: one.p)
    assert [pair.adjusted for pair in pairs] == [min(1, 2 * pairs[0].p), pairs[1].p]


def test_a_recipe_that_changed_is_said_to_have(before: Findings, after: Findings) -> None:
    """The same name may stand for another recipe."""
    facts = json.loads(json.dumps(after.facts))
    facts["contenders"][0]["recipe_digest"] = "0123"
    found = side_by_side(before, replace(after, facts=facts))
    assert [match.same_recipe for match in found.matches if match.name == "resnet50"] == [False]
    assert all(match.same_recipe for match in found.matches if match.name != "resnet50")


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            {"digest": "e" * 64},
            "the data digests are dddddddddddd and eeeeeeeeeeee: pictures, labels or split differ",
        ),
        (
            {"digest": "e" * 64, "classes": ["cat", "dog"]},
            "the data digests are dddddddddddd and eeeeeeeeeeee: the classes are plane, car and 8 "
            "others; cat and dog",
        ),
        (
            {"digest": "e" * 64, "counts": {"train": [9], "val": [2], "test": [1]}},
            "the data digests are dddddddddddd and eeeeeeeeeeee: the parts are of different size "
            "(train 1,200, val 600, test 600; train 9, val 2, test 1)",
        ),
        ({"part": "val"}, "the first was measured on test and the second on validation"),
    ],
)
def test_unlike_is_not_compared(
    before: Findings, after: Findings, facts: dict[str, Any], reason: str
) -> None:
    """Other data, classes, split or part: the reason, and no difference."""
    found = side_by_side(before, changed(after, **facts))
    assert found.reasons == (reason,)
    assert all(match.pair is None for match in found.matches)
    assert {match.words for match in found.matches} >= {"resnet50: not comparable."}
    words = outline(side_by_side_page(found)).words()
    assert f"Not comparable {reason}." in words
    assert "the second is" not in words
    assert words.count("Scoreboard: contenders with their numbers") == 2


def test_the_page_holds_both(before: Findings, after: Findings) -> None:
    """Differences in words, both verdicts and both scoreboards, and nothing that is fetched."""
    text = side_by_side_page(side_by_side(before, after))
    parsed = outline(text)
    words = parsed.words()
    for part in (before.verdict, after.verdict, "before and after", "Only in the first"):
        assert part in words
    assert parsed.all("script") == []
    policy = next(one["content"] for one in parsed.all("meta") if "http-equiv" in one)
    assert policy is not None
    assert "script-src 'none'" in policy
    assert "http:" not in text
    assert "https:" not in text
    known = [one["id"] for _, one in parsed.tags if one.get("id")]
    assert len(known) == len(set(known))


def test_names_cannot_become_markup(root: Path) -> None:
    """A name that looks like a tag stays a name."""
    one = bakeoff(root, "h1", 1, 1, names=[HOSTILE])
    text = side_by_side_page(side_by_side(one, one))
    assert not [one for _, one in outline(text).tags if "onload" in one]
    assert outline(text).words().count(HOSTILE) > 3


def test_one_given_twice_is_said_to_be(before: Findings, after: Findings) -> None:
    """The same bake-off, be it a copy, is no comparison."""
    copy = replace(before, facts=json.loads(json.dumps(before.facts)))
    twice = side_by_side(before, copy)
    assert twice.same
    assert "Both are one and the same bake-off." in outline(side_by_side_page(twice)).words()
    two = side_by_side(before, after)
    assert not two.same
    assert "one and the same" not in outline(side_by_side_page(two)).words()
    assert two.to_json()["same"] is False


def test_json_can_be_written(before: Findings, after: Findings) -> None:
    """A program gets the same."""
    told = json.loads(json.dumps(side_by_side(before, after).to_json()))
    assert told["comparable"] is True
    assert {one["name"] for one in told["contenders"]} == {"resnet50", "convnext_tiny", "cnn10"}
    assert {one["pair"]["outcome"] for one in told["contenders"] if one["pair"]} >= {"worse"}
