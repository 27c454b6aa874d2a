"""The table of predictions."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.evaluation.predictions import Predictions


def test_what_was_predicted() -> None:
    """The likeliest class, the first of equal ones; whether it is right, and how sure it is."""
    table = Predictions(
        indices=np.array([7, 3, 5]),
        labels=np.array([1, 0, 1]),
        probabilities=np.array([[0.2, 0.8], [0.5, 0.5], [0.75, 0.25]], np.float32),
        classes=("cat", "dog"),
    )
    assert len(table) == 3
    assert table.predicted.tolist() == [1, 0, 0]
    assert table.correct.tolist() == [True, True, False]
    assert table.correct.dtype == np.bool_
    assert table.confidence == pytest.approx([0.8, 0.5, 0.75])


def test_tables_of_other_shapes_are_none() -> None:
    """A row for each picture and a column for each class."""
    shares = np.full((2, 2), 0.5, np.float32)
    for count, classes in ((3, ("a", "b")), (2, ("a", "b", "c"))):
        with pytest.raises(AssertionError):
            Predictions(
                indices=np.arange(count),
                labels=np.zeros(count, np.int64),
                probabilities=shares,
                classes=classes,
            )
