"""Confusion matrices."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import PathPatch

from bakeoff.report.figures.colours import THEMES
from bakeoff.report.result import Result


def test_counts_are_written_where_they_belong(few: Result) -> None:
    """True classes down, predicted ones across; nothing is written for nothing."""
    axes = few.plot_confusion("cnn10")
    counts = few.contender("cnn10")["confusion"]
    cells = {one.get_position(): int(one.get_text()) for one in axes.texts}
    wanted = {
        (column, row): count
        for row, line in enumerate(counts)
        for column, count in enumerate(line)
        if count
    }
    assert cells == wanted
    assert axes.yaxis_inverted()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_right_and_wrong_have_two_colours(few: Result) -> None:
    """Squares of the diagonal are of one colour, the others of another, the fuller the stronger."""
    axes = few.plot_confusion("cnn10")
    sides: dict[str, set[bool]] = {}
    strengths = []
    for patch in axes.patches:
        assert isinstance(patch, PathPatch)
        corners = np.asarray(patch.get_path().vertices).reshape(-1, 5, 2)[:, :4]
        sides.setdefault(to_hex(patch.get_facecolor()), set()).update(
            bool(x == y) for x, y in corners.mean(1).round(6)
        )
        strengths.append(to_rgba(patch.get_facecolor())[3])
    assert sides == {THEMES["light"].good: {True}, THEMES["light"].bad: {False}}
    assert 0 < min(strengths) < max(strengths) < 0.6


def test_a_hundred_classes_are_one_picture(many: Result) -> None:
    """Many classes are drawn as an image, each cell as full as it is, some classes named."""
    name = many.names[0]
    axes = many.plot_confusion(name)
    counts = np.array(many.contender(name)["confusion"])
    image = np.asarray(axes.images[0].get_array())
    assert image.shape == (100, 100, 4)
    assert ((image[..., 3] > 0) == (counts > 0)).all()
    assert len(axes.texts) == 0
    assert 20 < len(axes.get_yticklabels()) <= 40


def test_mistakes_are_told(few: Result) -> None:
    """The description names what is most often taken for what."""
    counts = np.array(few.contender("cnn10")["confusion"])
    np.fill_diagonal(counts, 0)
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    told = f"{few.classes[row]} taken for {few.classes[column]} {counts.max()} times"
    assert told in str(few.plot_confusion("cnn10").figure.get_label())
