"""When a contender has lost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.runs.elimination import Halfway, lost


def right(share: float, pictures: int = 1000, seeds: int = 1) -> npt.NDArray[np.bool_]:
    """So many are right, the first ones: differences are as sure as can be."""
    one = np.arange(pictures) < share * pictures
    return np.stack([one] * seeds)


def test_who_is_far_behind() -> None:
    """Five points and an interval: the reason says both, and who is ahead."""
    found = lost({"a": right(0.9), "b": right(0.8)}, eligible=["a", "b"], margin=0.005)
    assert found == {
        "b": "After 1 seed its validation accuracy, 0.8000, lies 10.0 points below that of a "
        "(99.9%: at least 6.9), more than another seed makes up for."
    }


def test_who_may_catch_up() -> None:
    """Less than five points are not enough, nor are ten on few pictures."""
    assert lost({"a": right(0.9), "b": right(0.86)}, eligible=["a", "b"], margin=0.005) == {}
    few = {"a": right(0.9, 40), "b": right(0.8, 40)}
    assert lost(few, eligible=["a", "b"], margin=0.005) == {}


def test_who_could_not_win_beats_nobody() -> None:
    """A contender beyond the limits of latency or size is no measure."""
    correct = {"huge": right(0.99), "a": right(0.8), "b": right(0.79)}
    assert lost(correct, eligible=["a", "b"], margin=0.005) == {}
    assert lost(correct, eligible=[], margin=0.005) == {}


@pytest.mark.parametrize(
    ("looks", "stopped"),
    [
        # Stuck, and far from .9: even four times nothing and ten points do not reach it.
        ([(0.1, 0.3), (0.25, 0.3), (0.5, 0.3)], True),
        # It wins eight points a quarter, so .38 + .1 + 4 × .08 might reach .8, but not .9.
        ([(0.25, 0.3), (0.5, 0.38)], True),
        ([(0.25, 0.3), (0.5, 0.41)], False),
        # Too early to say, and too late to save anything.
        ([(0.25, 0.3), (0.4, 0.3)], False),
        ([(0.25, 0.3), (1.0, 0.3)], False),
    ],
)
def test_within_a_run(looks: list[tuple[float, float]], stopped: bool) -> None:
    """At half of its time a run is held against what it could still win."""
    halfway = Halfway(0.9, "best", 5000)
    for place, accuracy in looks:
        halfway.looked(place, accuracy)
    assert (halfway.reason is not None) == stopped
    if stopped:
        assert halfway.reason is not None
        assert halfway.reason.startswith("At 50% of its time its validation accuracy was 0.3")
        assert halfway.reason.endswith(
            "and best has 0.9000, more than chance in 5,000 pictures explains."
        )


def test_the_first_is_held_against_nobody() -> None:
    """While no contender is finished nobody is stopped."""
    halfway = Halfway(None, "", 5000)
    for place in (0.25, 0.5, 0.75):
        halfway.looked(place, 0.1)
    assert halfway.reason is None


@pytest.mark.parametrize(("pictures", "stopped"), [(12, False), (99, False), (150, True)])
def test_few_pictures_stop_nobody(pictures: int, stopped: bool) -> None:
    """What chance in so few validation pictures may explain is no reason."""
    halfway = Halfway(0.9, "best", pictures)
    for place in (0.25, 0.5):
        halfway.looked(place, 0.3)
    assert (halfway.reason is not None) == stopped


def test_the_difference_is_beyond_chance() -> None:
    """Of 200 pictures half against .6 is within 3.29 standard errors, of 5,000 it is not."""
    for pictures, stopped in ((200, False), (5000, True)):
        halfway = Halfway(0.6, "best", pictures)
        for place in (0.25, 0.5):
            halfway.looked(place, 0.4)
        assert (halfway.reason is not None) == stopped
