"""Figures and sentences of a stress test."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bakeoff.evaluation.intervals import clustered, wilson
from bakeoff.evaluation.slices import Group, sliced
from bakeoff.evaluation.stress import Duplicates, Stressed, mean_of, row


def made(**changed: object) -> Stressed:
    """A stress test of 100 pictures under two strains."""
    table = np.arange(500).reshape(5, 100) % 5 < np.arange(5, 0, -1)[:, None]
    facts = {
        "champion": "cnn",
        "engine": "torch cpu float32",
        "data": "photos",
        "digest": "d" * 64,
        "part": "val",
        "pictures": 100,
        "side": 32,
        "seed": 0,
        "clean": wilson(90, 100),
        "rows": (
            row("fog", "weather", tuple("12345"), table),
            row("jpeg", "digital", tuple("12345"), ~table),
        ),
        "corruption": clustered(np.tile([0.4, 0.8], 50)),
        "whole": wilson(900, 1000),
        "duplicates": Duplicates(leaked=0, without=wilson(900, 1000)),
        "slices": (),
    }
    return Stressed(**{**facts, **changed})  # type: ignore[arg-type]


def test_a_mean_over_looks_counts_pictures() -> None:
    """Five looks at each of 100 pictures are 100 pictures: the interval is that of their means."""
    shares = np.repeat([0.0, 1.0], 50)
    found = clustered(shares)
    plain = wilson(50, 100)
    assert (found.n, found.value, found.method) == (100, 0.5, "clustered")
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.002)
    calmer = clustered(np.tile([0.4, 0.6], 50))
    assert calmer.high - calmer.low < (found.high - found.low) / 4


def test_a_mean_over_looks_that_all_agree() -> None:
    """Where nothing varies the interval is still one of so many pictures."""
    assert clustered(np.ones(100)).low == pytest.approx(wilson(100, 100).low)


def test_each_step_has_its_interval() -> None:
    """A row has Wilson's interval for each step, and the mean over all of them."""
    found = made().rows[0]
    assert [cell.accuracy.n for cell in found.cells] == [100] * 5
    assert [cell.accuracy.value for cell in found.cells] == [1.0, 0.8, 0.6, 0.4, 0.2]
    assert found.cells[1].accuracy == wilson(80, 100)
    assert found.mean.value == pytest.approx(0.6)


def test_the_mean_is_of_all_or_none() -> None:
    """Mean corruption accuracy needs every corruption, and each counts the same."""
    tables = {"fog": np.ones((5, 10), bool), "jpeg": np.zeros((5, 10), bool)}
    found = mean_of(tables, ["fog", "jpeg"])
    assert found is not None
    assert found.value == 0.5
    assert mean_of(tables, ["fog", "snow"]) is None


def test_in_sentences() -> None:
    """What was lost, what is hardest, copies and slices are said with their figures."""
    assert made().sentences == (
        "Under the 15 common corruptions at 5 severities, accuracy is 60.0% (56.0%–63.9%) in the "
        "mean, against 90.0% (82.6%–94.5%) of the same 100 pictures as they are: 30.0 pp are "
        "lost.",
        "Hardest, in the mean over their steps: JPEG (40.0%) and fog (60.0%).",
        "No picture among the 1,000 pictures looked at as they are is a copy of one that was "
        "learnt from: accuracy 90.0% (88.0%–91.7%).",
        "No slice has enough pictures to be compared with the rest.",
    )


def test_copies_are_told_apart() -> None:
    """With copies, accuracy is told with and without; of other data nothing is said of copies."""
    told = made(duplicates=Duplicates(leaked=2, without=wilson(898, 998))).sentences[2]
    assert told == (
        "Of the 1,000 pictures looked at as they are, 2 are copies of pictures that were learnt "
        "from: accuracy is 90.0% (88.0%–91.7%) with them and 90.0% (88.0%–91.7%) of 998 without."
    )
    one = made(duplicates=Duplicates(leaked=1, without=None)).sentences[2]
    assert one.endswith("1 is a copy of one that was learnt from: nothing is left without them.")
    assert "copy" not in " ".join(made(duplicates=None).sentences)


def test_the_worst_slice_comes_first() -> None:
    """Slices that are clearly worse are listed by how much."""
    place = np.arange(1000)
    correct = ~((place < 60) | ((place >= 100) & (place < 190)))
    groups = [
        Group(kind="class", name="bad", detail="", members=place < 100),
        Group(kind="class", name="worst", detail="", members=(place >= 100) & (place < 200)),
        Group(kind="class", name="good", detail="", members=place >= 200),
    ]
    found = made(slices=sliced(correct, groups))
    assert [one.name for one in found.worst_slices] == ["worst", "bad"]
    assert found.sentences[-1] == (
        "Of 3 slices, 2 are clearly worse than the rest: 'worst' and 'bad'."
    )


def test_as_json() -> None:
    """All figures go into one document."""
    told = json.loads(json.dumps(made().to_json()))
    assert (told["schema"], told["kind"], told["pictures"]) == (1, "stress", 100)
    assert told["rows"][0]["cells"][0]["accuracy"]["n"] == 100
    assert told["sentences"]
