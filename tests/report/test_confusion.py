"""Confusion matrices for a page."""

from __future__ import annotations

import numpy as np

from bakeoff.report.confusion import CELLS, SHADED, SHADES, confusion


def test_few_classes_have_cells() -> None:
    """Each cell has its count, and a shade that rises with its share of the true class."""
    found = confusion([[90, 10, 0], [25, 75, 0], [0, 0, 0]])
    assert [[square.count for square in row] for row in found.rows] == [
        [90, 10, 0],
        [25, 75, 0],
        [0, 0, 0],
    ]
    assert found.rows[0][0].shade == SHADES
    assert 0 < found.rows[0][1].shade < found.rows[1][0].shade < SHADES
    assert found.rows[2][2].shade == 0
    assert not found.shades
    assert found.shows(0, 2)


def test_mistakes_are_listed_most_frequent_first() -> None:
    """The list names what was taken for what, how often, and of how many."""
    found = confusion([[8, 2, 0], [3, 7, 0], [1, 0, 9]])
    assert [(one.true, one.predicted, one.count) for one in found.confused] == [
        (1, 0, 3),
        (0, 1, 2),
        (2, 0, 1),
    ]
    assert found.confused[0].share == 0.3
    assert (found.mistakes, found.kinds) == (6, 3)


def test_many_classes_have_shades() -> None:
    """Of too many classes for cells there is a drawing, of still more only the list."""
    some = np.eye(CELLS + 1, dtype=int) * 5
    some[0, 1] = 3
    found = confusion(some.tolist())
    assert found.rows == ()
    assert {kind for kind, _, _ in found.shades} == {"right", "wrong"}
    assert sum(path.count("M") for _, _, path in found.shades) == CELLS + 2
    assert "M1 0h1v1h-1z" in {kind: path for kind, _, path in found.shades}["wrong"]
    assert found.shows(0, 1)
    assert not found.shows(0, 0)
    many = confusion(np.eye(SHADED + 1, dtype=int).tolist())
    assert (many.rows, many.shades, many.confused) == ((), (), ())
