"""Trying again."""

from __future__ import annotations

import time

import pytest

from bakeoff.data.remote import AbsentError
from bakeoff.runs.cluster import patience
from bakeoff.runs.cluster.patience import Patience, patiently
from bakeoff.spec.errors import CacheError, DataError


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited, on a clock that nobody waits for."""
    waited: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: sum(waited))
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def test_a_hiccup(slept: list[float]) -> None:
    """It is waited for, longer each time up to a limit; then what was asked for is given."""
    errors = [DataError("s3://a", "cannot be read")] * 7

    def do() -> str:
        if errors:
            raise errors.pop()
        return "done"

    assert patiently(do) == "done"
    assert slept == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_for_long(slept: list[float]) -> None:
    """In the end it is an error of the place, in its own words."""

    def do() -> None:
        raise DataError("s3://a", "cannot be read (OSError: no)")

    with pytest.raises(CacheError) as caught:
        patiently(do)
    assert str(caught.value) == (
        "--via: s3://a cannot be read (OSError: no) for 10 minutes. What is done is kept: mend "
        "that, and the same command with --out goes on."
    )
    assert patience.LIMIT <= sum(slept) < patience.LIMIT + 30.0


def test_what_is_not_there(slept: list[float]) -> None:
    """Nothing is waited for to appear."""

    def do() -> None:
        raise AbsentError("s3://a", "is not there")

    with pytest.raises(AbsentError):
        patiently(do)
    assert slept == []


def test_patience_comes_back(slept: list[float]) -> None:
    """Refusals count without a break only; until its pause is over nothing is due."""
    one = Patience()
    for _ in range(3):
        slept.append(patience.LIMIT - 1.0)
        one.tried(DataError("s3://a", "cannot be read"))
        assert not one.is_due()
        slept.append(patience.LIMIT)
        assert one.is_due()
        one.kept()
