"""What is told where there is no answer."""

from __future__ import annotations

import pytest

from bakeoff.serving.problems import no_room


@pytest.mark.parametrize(("seconds", "header"), [(0.001, "1"), (1.0, "1"), (1.2, "2")])
def test_retry_after_is_never_too_short(seconds: float, header: str) -> None:
    """Retry-After is in whole seconds, rounded up; the body has it to the millisecond."""
    problem = no_room(seconds)
    assert dict(problem.headers())["retry-after"] == header
    assert problem.to_json()["retry_after"] == seconds
