"""A champion asked where it found what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bakeoff.champion.explaining.explain import explain
from bakeoff.champion.explaining.explanation import Explanation, overlaid, ramp
from bakeoff.champion.explaining.maps import enlarged, scaled
from bakeoff.champion.explaining.neighbours import nearest
from bakeoff.champion.explaining.sheet import sheet
from bakeoff.champion.opening import open as opened
from bakeoff.data.dataset import load
from bakeoff.spec.errors import ArgumentError, DataError
from tests.champion import made


def test_by_the_engine_that_there_is(tmp_path: Path) -> None:
    """torch looks inside of the network, another engine hides parts of the picture; both say what
    the champion says."""
    folder = made.with_graph(tmp_path / "champion")
    shown = made.picture(1, 5)
    for engine, method in (("torch", "gradcam"), ("onnx", "occlusion")):
        champion = opened(folder, engine=engine)  # type: ignore[arg-type]
        told = explain(champion, shown)
        said = champion.predict(shown)
        assert told.method == method
        assert told.label == said.label
        assert told.probability == pytest.approx(said.probability, abs=1e-6)
        assert told.heat.shape == told.picture.shape[:2] == (made.SIZE, made.SIZE)
        assert (told.heat.min(), told.heat.max()) == (0, 1)
        assert told.overlay().shape == told.picture.shape


def test_any_class(tmp_path: Path) -> None:
    """A class that was not predicted has a map and a probability of its own."""
    champion = opened(made.plain(tmp_path / "champion"))
    shown = made.picture(0, 3)
    said = champion.predict(shown)
    for label in made.CLASSES:
        for method in ("auto", "occlusion"):
            told = explain(champion, shown, label=label, method=method)
            assert told.label == label
            assert told.probability == pytest.approx(said.probabilities[label], abs=1e-6)


def test_what_is_refused(tmp_path: Path) -> None:
    """A class or a method that there is not is named, with what there is."""
    champion = opened(made.plain(tmp_path / "champion"))
    shown = made.picture(0, 3)
    with pytest.raises(ArgumentError) as caught:
        explain(champion, shown, label="aple")
    assert str(caught.value) == (
        "the class must be one of the champion's, but is 'aple'. Did you mean 'apple'? "
        "(Known: apple, grass, sky.)"
    )
    with pytest.raises(ArgumentError) as caught:
        explain(champion, shown, method="gradcan")  # type: ignore[arg-type]
    assert "the method must be a known one, but is 'gradcan'. Did you mean" in str(caught.value)
    with pytest.raises(ArgumentError) as caught:
        explain(champion, shown, method="attention")
    assert str(caught.value) == (
        "the method must be one that the champion's engine, torch cpu float32, has for this "
        "network, but is 'attention'. Take gradcam, or auto."
    )


def test_torch_is_not_imported() -> None:
    """What a service needs of explaining does without torch."""
    program = (
        "import sys, bakeoff.champion.explaining.explain, bakeoff.champion.explaining.sheet\n"
        "print([name for name in ('torch', 'timm', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_colours_grow_lighter() -> None:
    """The ramp reads in grey, and an overlay covers more where there is more."""
    grey = ramp(np.linspace(0, 1, 50)) @ (0.299, 0.587, 0.114)
    assert (np.diff(grey) > 0).all()
    picture = np.full((2, 2, 3), 255, np.uint8)
    over = overlaid(picture, np.array([[0, 1], [0, 0]], np.float32))
    assert over[0, 1].tolist() == [254, 235, 166]
    assert over[0, 0].tolist() == over[1, 1].tolist()
    assert over[0, 0].min() > 210


def test_maps_are_brought_to_size_and_scale() -> None:
    """Corners stay, what lies between is straight, and what is next to nothing is nothing."""
    large = enlarged(np.array([[0, 1], [2, 3]], np.float32), 8)
    assert (large[0, 0], large[0, -1], large[-1, 0], large[-1, -1]) == (0, 1, 2, 3)
    assert np.allclose(large[0, 2:6], [0.125, 0.375, 0.625, 0.875])
    assert np.allclose(enlarged(np.ones((7, 7), np.float32), 5), 1)
    assert scaled(np.array([[1.0, 4.0]], np.float32)).tolist() == [[0.25, 1]]
    assert not scaled(np.array([[0.1, 0.2]], np.float32), floor=0.3).any()
    assert not scaled(np.array([[np.nan, 0.2]], np.float32)).any()


def test_nearest_training_pictures(tmp_path: Path) -> None:
    """A training picture is nearest to itself; what the network makes of them is kept."""
    champion = opened(made.plain(tmp_path / "champion"))
    dataset = load("digits")
    preprocess = champion.recipe.preprocess
    place = int(dataset.split.train[7])
    asked = champion.read(dataset.picture(place))
    near = nearest(champion.engine, asked, dataset, preprocess, digest="one", count=3)
    assert len(near) == 3
    assert near[0].name == dataset.pictures.name(place)
    assert near[0].label == dataset.classes[dataset.labels[place]]
    assert near[0].similarity == pytest.approx(1, abs=2e-3)
    assert np.array_equal(near[0].picture, asked)
    assert near[0].similarity >= near[1].similarity >= near[2].similarity
    seen = []

    def counting(pictures: np.ndarray) -> object:
        seen.append(len(pictures))
        return champion.engine(pictures)

    again = nearest(counting, asked, dataset, preprocess, digest="one", count=3)  # type: ignore[arg-type]
    assert [one.name for one in again] == [one.name for one in near]
    assert seen == [1]
    nearest(counting, asked, dataset, preprocess, digest="two", count=1)  # type: ignore[arg-type]
    assert sum(seen) == 2 + len(dataset.split.train)


def test_without_features(tmp_path: Path) -> None:
    """A champion that looks at pixels themselves has no neighbours by features, and says so."""
    champion = opened(made.plain(tmp_path / "champion"))
    asked = champion.read(made.picture(0, 3))

    def plain(pictures: np.ndarray) -> object:
        told = champion.engine(pictures)
        return type(told)(probabilities=told.probabilities, scores=told.scores, features=None)

    with pytest.raises(DataError) as caught:
        nearest(plain, asked, load("digits"), champion.recipe.preprocess, digest="x")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "the nearest pictures need features, and this champion has none: it looks at the pixels "
        "themselves. Leave --neighbours out."
    )


@pytest.mark.parametrize("side", [8, 224, 300])
def test_a_sheet_has_all_of_it(side: int) -> None:
    """Picture and overlays stand beside each other at a size to look at, with letters below."""
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    heat = np.zeros((side, side), np.float32)
    told = [
        Explanation(picture=picture, heat=heat, label=name, probability=0.5, method="occlusion")
        for name in ("cat", "a name that is much too long for the room that there is below it")
    ]
    assert told[0].flat
    shown = sheet(told)
    times = max(1, round(224 / side))
    assert shown.shape[1] == 3 * times * side + 4 * 12
    large = picture.repeat(times, axis=0).repeat(times, axis=1)
    assert np.array_equal(shown[12 : 12 + len(large), 12 : 12 + len(large)], large)
    letters = shown[12 + len(large) : 12 + len(large) + 40]
    assert (letters < 128).any()
