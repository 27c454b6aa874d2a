"""Which pictures are shown."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.evaluation.predictions import Predictions
from bakeoff.report.pictures import behind_cells, missed_by_all, mistakes, sample

CLASSES = ("a", "b", "c")
LABELS = np.array([0, 0, 0, 1, 1, 2])
SAID = [
    [(0, 0.9), (1, 0.4), (1, 0.99), (1, 0.7), (0, 0.95), (0, 0.5)],
    [(0, 0.8), (1, 0.5), (0, 0.5), (1, 0.7), (0, 0.85), (1, 0.4)],
]


def table(said: list[tuple[int, float]]) -> Predictions:
    """Predictions of three classes; pictures are those from 10 on."""
    probabilities = np.zeros((len(said), 3), np.float32)
    for row, (label, sure) in enumerate(said):
        probabilities[row] = (1 - sure) / 2
        probabilities[row, label] = sure
    indices = np.arange(10, 10 + len(said))
    return Predictions(indices=indices, labels=LABELS, probabilities=probabilities, classes=CLASSES)


SEEDS = [table(said) for said in SAID]


def test_pictures_behind_a_cell() -> None:
    """Each cell has its pictures, those that more seeds put there first, and their number."""
    found = behind_cells(SEEDS, 10)
    assert set(found) == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)}
    count, answers = found[0, 1]
    assert count == 2
    assert [(one.place, one.votes) for one in answers] == [(11, 2), (12, 1)]
    assert answers[0].confidence == pytest.approx(0.45)
    count, answers = behind_cells(SEEDS, 1)[0, 1]
    assert (count, len(answers)) == (2, 1)


def test_every_prediction_is_behind_one_cell() -> None:
    """Votes behind all cells are as many as pictures times seeds."""
    votes = sum(one.votes for _, answers in behind_cells(SEEDS, 99).values() for one in answers)
    assert votes == len(LABELS) * len(SEEDS)


def test_mistakes_by_confidence() -> None:
    """The surest wrong answer comes first, each picture once, right answers never."""
    found = mistakes(SEEDS, 10)
    assert [one.place for one in found] == [14, 12, 11, 15]
    assert found[0].confidence == pytest.approx(0.9)
    assert all(one.predicted != one.label for one in found)
    assert [one.place for one in mistakes(SEEDS, 2)] == [14, 12]


def test_what_everyone_misses() -> None:
    """Only pictures that no run of any contender got right, the most agreed on first."""
    right = table([(0, 0.9)] * 3 + [(1, 0.9)] + [(0, 0.9)] * 2)
    count, found = missed_by_all({"one": SEEDS, "two": [right]}, 10)
    assert count == 2
    assert [(one.place, one.said, one.votes, one.runs) for one in found] == [
        (14, 0, 3, 3),
        (15, 0, 2, 3),
    ]
    assert [one.place for one in missed_by_all({"one": SEEDS}, 2)[1]] == [11, 14]


def test_a_sample_takes_from_all_classes() -> None:
    """Samples go round the classes, never twice, and are the same every time."""
    labels = np.repeat(np.arange(3), (50, 30, 2))
    probabilities = np.full((82, 3), 1 / 3, np.float32)
    many = Predictions(
        indices=np.arange(82), labels=labels, probabilities=probabilities, classes=CLASSES
    )
    rows = sample(many, 12)
    assert labels[rows[:6]].tolist() == [0, 1, 2, 0, 1, 2]
    assert len(set(rows)) == len(rows) == 10
    assert rows == sample(many, 12)
    assert len(sample(many, 2)) == 2
