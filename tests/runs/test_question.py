"""What a bake-off is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakeoff.runs.question import Question
from bakeoff.spec.errors import SpecError

ASKED = Question(data="digits", lineup="quick", seeds=2, epochs=3.0)


def test_it_is_written_down() -> None:
    """JSON and back changes nothing."""
    assert Question.from_json(ASKED.to_json()) == ASKED


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": 0}, "--seeds must be 1 or more, but is 0."),
        ({"seeds": 101}, "--seeds must be at most 100, but is 101."),
        ({"seconds": 60.0}, "--epochs and --budget exclude each other. Give one."),
        ({"epochs": 0.0}, "--epochs must be a number greater than 0, but is 0.0."),
        ({"max_size": 0}, "--max-size must be a number greater than 0, but is 0."),
        (
            {"margin": 1.0},
            "--margin must be a share of the pictures, at least 0 and below 1, but is 1.0. "
            "Write 0.5% or 0.005.",
        ),
        (
            {"prefer": "speed"},
            "--prefer must be accuracy, latency or size, but is 'speed'. "
            "Known: accuracy, latency, size.",
        ),
    ],
)
def test_what_cannot_be_asked(fields: dict[str, Any], message: str) -> None:
    """Each mistake is named by its option."""
    with pytest.raises(SpecError) as caught:
        replace(ASKED, **fields)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": 3}, "--seeds of there must be what it began with, 2, but is 3."),
        (
            {"epochs": None, "seconds": 9.0},
            "--budget of there must be what it began with, not given, but is 9.0.",
        ),
        ({"epochs": None}, "--epochs of there must be what it began with, 3.0, but is 'not given'"),
        ({"lineup": "best"}, "--lineup of there must be what it began with, 'quick', but is 'best"),
        ({"stopping": False}, "--no-stopping of there must be what it began with, True, but is F"),
    ],
)
def test_another_question(fields: dict[str, Any], message: str) -> None:
    """What would train contenders otherwise is refused, with the difference and the way out."""
    with pytest.raises(SpecError) as caught:
        replace(ASKED, **fields).refuse_other(ASKED, Path("there"))
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("Give the same options, or another --out.")


def test_another_judgement() -> None:
    """How the same contenders are judged may change."""
    other = replace(ASKED, prefer="size", max_latency=0.1, margin=0.01, test=False, tta=True)
    other.refuse_other(ASKED, Path("there"))


def test_older_questions_are_understood() -> None:
    """A bake-off from before there were tables of corrected labels had none."""
    told = ASKED.to_json()
    del told["labels"]
    assert Question.from_json(told) == ASKED
    assert Question.from_json(replace(ASKED, labels="fixed.csv").to_json()).labels == "fixed.csv"
