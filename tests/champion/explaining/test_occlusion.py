"""Hiding parts of a picture, through anything that answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.champion.engine import Outputs
from bakeoff.champion.explaining.occlusion import BUDGET, FLAT, occluded
from tests.champion.planted import TABLES, answers, found, learnt, planted, untrained

Pixels = npt.NDArray[np.uint8]


def maps(network: object, pictures: Pixels) -> npt.NDArray[np.float32]:
    """Of each picture, for its likeliest class."""
    return np.stack([occluded(lambda some: answers(network, some), one)[0] for one in pictures])  # type: ignore[arg-type]


@pytest.mark.parametrize("table", TABLES)
def test_a_planted_square_is_found(table: str) -> None:
    """At least nine of ten maps are highest where the picture says its class."""
    pictures, _, corners = planted(30, 2)
    assert found(maps(learnt(table), pictures), corners) >= 0.9


def test_without_training_nothing_is_found() -> None:
    """A network that knows nothing has maps that show nothing."""
    pictures, _, corners = planted(30, 2)
    assert found(maps(untrained("dense"), pictures), corners) <= 0.4


def bright(pictures: Pixels) -> Outputs:
    """The first of two classes is as likely as the upper left corner is white."""
    light = pictures[:, :4, :4].mean((1, 2, 3)).astype(np.float32) / 50
    scores = np.stack([light, np.zeros_like(light)], axis=1)
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return Outputs(probabilities=shares, scores=scores, features=None)


def test_the_corner_that_decides() -> None:
    """The map of a rule is where the rule looks, and empty for the class that it speaks against."""
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:4, :4] = 255
    heat, told, place = occluded(bright, picture)
    assert place == 0
    assert told.probabilities.shape == (1, 2)
    assert max(map(int, np.unravel_index(heat.argmax(), heat.shape))) <= 4
    assert heat[8:, 8:].max() < 0.05 * heat.max()
    assert occluded(bright, picture, 1)[0].max() <= FLAT


@pytest.mark.parametrize("side", [1, 2, 8, 33, 224])
def test_no_more_than_the_budget(side: int) -> None:
    """Two batches, together of no more pictures than are allowed, at any size."""
    seen: list[int] = []

    def engine(pictures: Pixels) -> Outputs:
        seen.append(len(pictures))
        return bright(pictures)

    heat = occluded(engine, np.full((side, side, 3), 200, np.uint8))[0]
    assert heat.shape == (side, side)
    assert np.isfinite(heat).all()
    assert len(seen) == 2
    assert sum(seen) <= BUDGET


def test_one_class_only() -> None:
    """Where there is nothing to tell apart, the score itself is what falls."""

    def engine(pictures: Pixels) -> Outputs:
        one = bright(pictures).scores[:, :1]
        return Outputs(probabilities=np.ones_like(one), scores=one, features=None)

    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:4, :4] = 255
    assert occluded(engine, picture)[0].max() > FLAT
