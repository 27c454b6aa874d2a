"""Ids of requests."""

from __future__ import annotations

import re
import time

import pytest

from bakeoff.serving import identity


def test_no_two_are_alike() -> None:
    """Also of those that were made within the same second."""
    made = [identity.new() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch("[0-9a-f]{24}", one) for one in made)


@pytest.mark.parametrize(("passed", "fresh"), [(0, True), (50, True), (-50, True), (70, False)])
def test_how_old_one_is(monkeypatch: pytest.MonkeyPatch, passed: float, fresh: bool) -> None:
    """For a minute it is fresh, also to a machine whose clock is behind."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    made = identity.new()
    monkeypatch.setattr(time, "time", lambda: now + passed)
    assert identity.is_fresh(made) == fresh


@pytest.mark.parametrize(
    ("said", "fresh"),
    [
        ("0" * 24, False),
        ("f" * 24, False),
        ("", False),
        ("mine", False),
        ("0123456789ABCDEF", False),
        # An earlier version's, which says nothing of its age.
        ("0123456789abcdef", True),
    ],
)
def test_what_is_not_ours(said: str, fresh: bool) -> None:
    """What no process gives is nobody's, and need not be waited for."""
    assert identity.is_fresh(said) == fresh
