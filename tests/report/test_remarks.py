"""What has to be read before any number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bakeoff.report.remarks import Remark, remarks, remarks_of

BROKEN = "BROKEN: accuracy {} on 12 pictures is no better than naming the largest class. Try less."


def texts(*warnings: str, findings: Sequence[dict[str, str]] = ()) -> list[str]:
    """Remarks on a bake-off of cnn and cnn10 with these warnings."""
    contenders = [{"name": name} for name in ("cnn", "cnn10")]
    facts: dict[str, Any] = {"data": {"findings": findings}, "contenders": contenders}
    return [one.text for one in remarks({**facts, "verdict": {"warnings": warnings}})]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["Seed 0: It was slow.", "Seed 2: It was slow."], ["cnn, seeds 0 and 2: It was slow."]),
        (
            [f"Seed {seed}: {BROKEN.format(share)}" for seed, share in ((0, 0.33), (1, 0.58))],
            [f"cnn, seeds 0 and 1: {BROKEN.format('0.33 / 0.58')}"],
        ),
        (
            ["Seed 0: No class but: cat. Try more.", "Seed 1: No class but: dog. Try more."],
            ["cnn, seeds 0 and 1: No class but: cat / dog. Try more."],
        ),
        (
            [
                "Seed 0: 2 classes are missing: a, b, …. Try some more.",
                "Seed 1: 3 classes are missing: c, d, …. Try some more.",
            ],
            [
                "cnn, seeds 0 and 1: 2 classes are missing: a, b, … / 3 classes are missing: c, d, "
                "…. Try some more."
            ],
        ),
        (
            ["Seed 1 unfinished: No time was left.", "Seed 2 unfinished: No time was left."],
            ["cnn, seeds 1 and 2 unfinished: No time was left."],
        ),
        (
            ["Seed 0: It is slow to learn.", "Seed 0: 3 epochs had no effect."],
            ["cnn, seed 0: It is slow to learn.", "cnn, seed 0: 3 epochs had no effect."],
        ),
        (
            ["Seed 1 stopped: No time was left.", "Seed 2 crashed: No time was left."],
            ["cnn, seed 1 stopped: No time was left.", "cnn, seed 2 crashed: No time was left."],
        ),
        (["Seed 0, 1: Low.", "Seeds 2 and 3: Low."], ["cnn, seeds 0, 1, 2 and 3: Low."]),
        (["All is low."], ["cnn: All is low."]),
        (["Seed 0: a b", "Seed 1: a c b"], ["cnn, seeds 0 and 1: a b / a c b"]),
    ],
)
def test_seeds_that_say_alike_are_one(said: list[str], told: list[str]) -> None:
    """What differs stands side by side, in the order of the seeds; other things stay apart."""
    assert texts(*(f"cnn: {each}" for each in said)) == told


def test_contenders_stay_apart() -> None:
    """A name that another begins with is not taken for it, and what is nobody's is left alone."""
    said = ["cnn: Seed 0: Low.", "cnn10: Seed 1: Low.", "One seed only.", "cnn: Seed 1: Low."]
    assert texts(*said) == ["cnn, seeds 0 and 1: Low.", "cnn10, seed 1: Low.", "One seed only."]


def test_errors_in_the_data_come_first() -> None:
    """Other findings are not for the top."""
    findings = [{"severity": "note", "text": "Fine."}, {"severity": "error", "text": "Not fine."}]
    assert texts("cnn: Low.", findings=findings) == ["Data: Not fine.", "cnn: Low."]


def test_long_ones_are_folded() -> None:
    """What is short is shown whole; of what is long the first sentence, and the rest apart."""
    short = Remark(text="It is low. Try more.")
    assert (short.head, short.rest) == ("It is low. Try more.", "")
    tail = " ".join(["Try a rate of 0.1 instead."] * 8)
    long = Remark(text=f"It is 0.25 low. {tail}")
    assert (long.head, long.rest) == ("It is 0.25 low.", tail)
    one = Remark(text="and so on " * 40)
    assert (one.head, one.rest) == (one.text, "")


def test_runs_add_what_their_contender_does_not_say() -> None:
    """What is known already, with a seed or without, is not said again."""
    runs = [
        {"seed": 0, "warnings": ["Low.", "Late."]},
        {"seed": 1, "warnings": ["It hung.", "It ran out of room."]},
    ]
    facts = {
        "name": "cnn",
        "reason": "It ran out of room.",
        "warnings": ["Seed 0: Low.", "Seed 1 stopped: It hung."],
        "runs": runs,
    }
    assert [one.text for one in remarks_of(facts)] == [
        "cnn, seed 0: Low.",
        "cnn, seed 1 stopped: It hung.",
        "cnn, seed 0: Late.",
    ]
