"""Who sits beside a run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from bakeoff.runs.watchman import Watchman
from bakeoff.spec.training import Stage
from bakeoff.training.events import Evaluated, Event, Stepped

ONE = (Stage(epochs=4),)
TWO = (Stage(epochs=1), Stage(epochs=3))


def made(stages: tuple[Stage, ...] = ONE, **how: Any) -> tuple[Watchman, list[float], list[str]]:
    """One, what it told, and what it put on record."""
    places: list[float] = []
    noted: list[str] = []

    def tell(event: Event, place: float) -> None:
        places.append(place)

    given: dict[str, Any] = {
        "asked": lambda: False,
        "share": None,
        "best": None,
        "pictures": 5000,
        **how,
    }
    found = Watchman(stages, tell=tell, aside=lambda: noted.append("aside"), **given)
    return found, places, noted


def step(stage: int, place: float) -> Stepped:
    """Some steps."""
    return Stepped(
        stage=stage,
        step=1,
        epoch=1,
        place=place,
        loss=1,
        rate=1,
        pictures=1,
        seconds=1,
        memory=None,
    )


def look(accuracy: float) -> Evaluated:
    """A look at validation."""
    none = np.zeros((0, 2), np.float32)
    return Evaluated(
        stage=0,
        step=1,
        epoch=1,
        train_loss=1,
        loss=1,
        accuracy=accuracy,
        probabilities=none,
        best=True,
        seconds=1,
    )


def test_how_far_it_is() -> None:
    """The place in the whole run, stages counting by their epochs."""
    beside, places, _ = made(TWO)
    for event in (step(0, 0.5), step(1, 0.0), step(1, 0.5), look(0.3)):
        beside.heard(event)
    assert places == [0.125, 0.25, 0.625, 0.625]
    assert not beside.stop()


def test_what_the_user_wants_comes_first() -> None:
    """It is on record at once, and once: who is killed while stopping is not blamed."""
    beside, _, noted = made(asked=lambda: True, share=-1.0)
    assert beside.stop()
    assert beside.stop()
    assert noted == ["aside"]
    assert beside.reason is None


def test_longer_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not keep to its time by itself is cut short."""
    beside, _, noted = made(share=3.0)
    assert not beside.stop()
    began = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began + 4)
    assert not beside.stop()
    monkeypatch.setattr(time, "monotonic", lambda: began + 5)
    assert beside.stop()
    assert beside.reason == (
        "unfinished",
        "It takes longer than its share of the budget, 3 s.",
    )
    assert noted == []


@pytest.mark.parametrize(("stages", "stopped"), [(ONE, True), (TWO, False)])
def test_hopeless(stages: tuple[Stage, ...], stopped: bool) -> None:
    """A run of one stage that could not reach the best is stopped; of several, nobody can say."""
    beside, _, _ = made(stages, best=("cnn", 0.9))
    for place in (0.25, 0.5):
        beside.heard(step(0, place * len(stages)))
        beside.heard(look(0.2))
    assert beside.stop() == stopped
    if stopped:
        assert beside.reason is not None
        assert beside.reason[0] == "stopped"
        assert "and cnn has 0.9000" in beside.reason[1]
