"""Drift: what is seen, and what is not taken for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.datasets import load_digits

from bakeoff.champion.crowning.reference import statistics
from bakeoff.champion.engine import Outputs
from bakeoff.serving import drift
from bakeoff.serving.drift import Figure, Window

CLASSES, FEATURES, WORTH = 10, 64, 800


class World:
    """Answers to the scanned digits: their pixels are the features."""

    def __init__(self) -> None:
        found = load_digits()
        self.pixels = found.images.reshape(-1, FEATURES).astype(np.float32)
        self.labels = found.target

    def draw(
        self,
        n: int,
        random: np.random.Generator,
        *,
        only: int | None = None,
        light: float = 1.0,
        side: int = 0,
        sure: float = 8.0,
    ) -> Outputs:
        """Outputs for pictures drawn at random; `side` is added to their sizes."""
        places = (
            np.arange(len(self.labels)) if only is None else np.flatnonzero(self.labels == only)
        )
        chosen = random.choice(places, n)
        top = 0.2 + 0.8 * random.beta(sure, 1, n)
        shares = np.repeat((1 - top)[:, None] / (CLASSES - 1), CLASSES, 1)
        shares[np.arange(n), self.labels[chosen]] = top
        self.sizes = random.choice([320, 480, 640], (n, 2)).astype(np.int32) + side
        features = self.pixels[chosen] * np.float32(light)
        return Outputs(
            probabilities=shares.astype(np.float32),
            scores=np.log(shares).astype(np.float32),
            features=features,
        )


@pytest.fixture(scope="module")
def world() -> World:
    """Where pictures come from."""
    return World()


def reference(
    world: World, random: np.random.Generator, worth: int = WORTH
) -> dict[str, npt.NDArray[Any]]:
    """The statistics that a champion carries."""
    outputs = world.draw(worth, random)
    widths, heights = world.sizes.T
    return statistics(outputs, 1.0, widths=widths, heights=heights)


def scored(
    known: Mapping[str, npt.NDArray[Any]], world: World, outputs: Outputs, size: int = 500
) -> dict[str, Figure]:
    """What a window says after these answers."""
    window = Window(known, size=size)
    assert outputs.features is not None
    for place, (shares, row) in enumerate(
        zip(outputs.probabilities, outputs.features, strict=True)
    ):
        width, height = world.sizes[place].tolist()
        window.add(
            confidence=float(shares.max()),
            place=int(shares.argmax()),
            width=width,
            height=height,
            features=row,
        )
    return {figure.name: figure for figure in window.score()}


@pytest.mark.parametrize(("n", "worth"), [(100, 300), (200, 300), (500, 5000)])
def test_chance_is_not_drift(world: World, n: int, worth: int) -> None:
    """Of twenty windows of the same kind of pictures none alarms."""
    random = np.random.default_rng(n)
    known = reference(world, random, worth)
    for _ in range(20):
        found = scored(known, world, world.draw(n, random), n)
        assert {figure.verdict for figure in found.values()} == {"none"}


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"only": 3}, {"classes", "features"}),
        ({"light": 0.5}, {"features"}),
        ({"side": 400}, {"sizes"}),
        ({"sure": 2.0}, {"confidence"}),
    ],
)
@pytest.mark.parametrize("n", [100, 500])
def test_a_real_shift_is_seen(world: World, change: dict[str, Any], seen: set[str], n: int) -> None:
    """One class alone, darker pictures, larger ones, less sure answers: each is seen in its own
    figure, and in words."""
    random = np.random.default_rng(1)
    known = reference(world, random)
    found = scored(known, world, world.draw(n, random, **change))
    assert {name for name, figure in found.items() if figure.verdict != "none"} == seen
    for name in seen:
        figure = found[name]
        assert figure.n == n
        assert figure.value is not None
        assert figure.words.startswith(f"{figure.verdict} drift in ")
        assert figure.words.endswith(f": {figure.value:.3g} over the last {n}")


def test_what_is_sure_and_small_is_no_drift(world: World) -> None:
    """A shift that thousands of pictures prove, and that does not matter, is none."""
    random = np.random.default_rng(2)
    known = reference(world, random, 5_000)
    figure = scored(known, world, world.draw(5_000, random, light=0.95), 5_000)["features"]
    assert figure.verdict == "none"
    assert 0.02 < (figure.value or 0) < 0.15


def test_too_few_pictures_say_nothing(world: World) -> None:
    """Under a hundred pictures no figure is compared."""
    random = np.random.default_rng(3)
    known = reference(world, random)
    found = scored(known, world, world.draw(99, random, only=3))
    assert {(one.value, one.verdict) for one in found.values()} == {(None, "none")}
    assert found["classes"].words == "99 pictures so far; from 100 on they are compared"


def test_the_window_rolls(world: World) -> None:
    """Only the last answers count: after a drift has passed it is forgotten."""
    random = np.random.default_rng(4)
    known = reference(world, random)
    window = Window(known, size=100)
    for place in [3] * 100 + list(range(10)) * 10:
        window.add(confidence=0.9, place=place, width=320, height=320, features=None)
        if window.count == 100:
            assert {one.name: one.verdict for one in window.score()}["classes"] == "strong"
    found = {one.name: one for one in window.score()}
    assert (found["classes"].verdict, found["classes"].n, window.count) == ("none", 100, 200)


def test_an_engine_without_features(world: World) -> None:
    """Where nothing tells features, theirs is the only figure that is missing."""
    random = np.random.default_rng(5)
    known = reference(world, random)
    del known["feature_mean"], known["feature_std"]
    found = scored(known, world, world.draw(100, random))
    assert found["features"].value is None
    assert found["features"].words.endswith("the champion or its engine does not tell")
    assert found["classes"].value is not None


def test_features_that_never_differ_do_not_count(world: World) -> None:
    """A feature without spread has no scale, and alarms for nothing."""
    random = np.random.default_rng(6)
    known = reference(world, random)
    window = Window(known)
    alive = int((known["feature_std"] > 0).sum())
    assert 0 < alive < FEATURES
    assert window._features.shape == (500, alive)


def test_all_pictures_of_one_size(world: World) -> None:
    """Sizes that are all the same are as they should be; others stand out."""
    random = np.random.default_rng(7)
    known = reference(world, random)
    known["widths"] = known["heights"] = np.full(101, 32, np.float32)
    outputs = world.draw(100, random)
    world.sizes[:] = 32
    assert scored(known, world, outputs)["sizes"].value == 0
    world.sizes[:20] = 64
    figure = scored(known, world, outputs)["sizes"]
    assert figure.value == pytest.approx(0.2)


def test_any_thread_may_add(world: World) -> None:
    """Answers of many threads are all counted, while the window is looked at."""
    window = Window(reference(world, np.random.default_rng(8)), size=100)

    def work() -> None:
        for _ in range(500):
            window.add(confidence=0.5, place=0, width=1, height=1, features=None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    window.score()
    for one in threads:
        one.join()
    assert window.count == 2000


def test_the_bound_of_chance() -> None:
    """Our quantile of chi-square is never below the true one, and close to it."""
    assert pytest.approx(stats.norm.isf(drift._ALPHA), abs=1e-3) == drift._Z
    for free in (1, 1.5, 3, 10, 100):
        ratio = drift._chi_square(free) / stats.chi2.isf(drift._ALPHA, free)
        assert 1 <= ratio < 1.07
