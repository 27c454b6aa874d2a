"""Pictures with what was said of them: mistakes and samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.report.figures import gallery
from bakeoff.report.result import Result
from bakeoff.spec.errors import DataError
from tests.report.bakeoffs import made
from tests.report.figures.seen import overlapping, texts
from tests.runs.digits import digits


@pytest.fixture
def pictured(tmp_path: Path) -> Result:
    """A bake-off over the digits."""
    accuracies = (0.6, 0.5)
    return Result.open(made(tmp_path / "b", 2, dataset=digits(), accuracies=accuracies))


def test_the_surest_mistakes_come_first(pictured: Result) -> None:
    """Wrong pictures by falling confidence, with what was said and what is."""
    name = pictured.names[1]
    axes = pictured.plot_mistakes(name, digits(), count=8)
    table = pictured.predictions(name)
    wrong = np.flatnonzero(~table.correct)
    order = wrong[np.argsort(-table.confidence[wrong], kind="stable")][:8]
    for image, place in zip(axes.images, order, strict=True):
        shown = np.asarray(image.get_array())
        assert (shown == digits().picture(int(table.indices[place]))).all()
    first = order[0]
    said, sure = table.classes[table.predicted[first]], table.confidence[first]
    assert texts(axes)[0:2] == [
        f"{said} · {100 * sure:.0f}%",
        f"is {table.classes[table.labels[first]]}",
    ]
    assert overlapping(axes) == []


def test_samples_are_right_and_wrong(pictured: Result) -> None:
    """Samples are drawn by lot, the same each time, and marked."""
    name = pictured.names[0]
    axes = pictured.plot_samples(name, digits())
    written = texts(axes)
    right = sum(one.startswith("✓") for one in written)
    wrong = sum(one.startswith("✗") for one in written)
    assert (right + wrong, len(axes.images)) == (12, 12)
    assert sum(one.startswith("is ") for one in written) == wrong > 0
    assert texts(pictured.plot_samples(name, digits())) == written
    assert f"{right} are right" in str(axes.figure.get_label())


def test_large_pictures_are_made_small(few: Result) -> None:
    """A picture keeps its shape and not its size."""
    wide = np.zeros((300, 600, 3), np.uint8)
    card = gallery.Card(pixels=wide, said="cat", below="is dog", right=False)
    axes = gallery.draw("Pictures", [card], words="One picture.")
    assert np.asarray(axes.images[0].get_array()).shape == (gallery.SIDE, gallery.SIDE, 3)
    left, right, bottom, top = axes.images[0].get_extent()
    assert (right - left) / abs(top - bottom) == pytest.approx(2)


def test_other_data_are_refused(pictured: Result) -> None:
    """Pictures of a dataset with another digest would be the wrong ones."""
    with pytest.raises(DataError) as caught:
        pictured.plot_mistakes(pictured.names[0], digits(seed=1))
    assert str(caught.value) == (
        f"digits is not the data of this bake-off: its digest must be {digits().digest[:12]}, "
        f"but is '{digits(seed=1).digest[:12]}'. Load the same source with the same split."
    )
