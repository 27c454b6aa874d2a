"""Which pictures to show of what contenders said: behind a cell, mistaken, missed by all, any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.predictions import Predictions

__all__ = ["Answer", "Missed", "behind_cells", "missed_by_all", "mistakes", "sample"]

Seeds = Sequence[Predictions]
"""What one contender said, a table for each of its seeds, over the same pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a contender said of one picture."""

    place: int
    """The picture, by its place in the dataset."""

    label: int
    predicted: int
    votes: int
    """Seeds that said so."""

    confidence: float
    """Mean probability of the predicted class over all seeds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Missed:
    """A picture that no run of any contender got right."""

    place: int
    label: int
    said: int
    """What most runs said."""

    votes: int
    runs: int


def behind_cells(seeds: Seeds, limit: int) -> dict[tuple[int, int], tuple[int, list[Answer]]]:
    """How many pictures every cell (true, predicted) has, if any, and at most `limit` of them.

    Those on which most seeds agree come first, of these the surest.
    """
    votes, mean = _tally(seeds)
    rows, said = np.nonzero(votes)
    labels = seeds[0].labels[rows]
    cells = labels * votes.shape[1] + said
    order = np.lexsort((rows, -mean[rows, said], -votes[rows, said], cells))
    cells = cells[order]
    _, first, counts = np.unique(cells, return_index=True, return_counts=True)
    found = {}
    for start, count in zip(first.tolist(), counts.tolist(), strict=True):
        answers = [
            _answer(seeds, votes, mean, int(rows[one]), int(said[one]))
            for one in order[start : start + min(count, limit)]
        ]
        found[answers[0].label, answers[0].predicted] = count, answers
    return found


def mistakes(seeds: Seeds, limit: int) -> list[Answer]:
    """The wrong answers that were given most surely, each picture once."""
    votes, mean = _tally(seeds)
    rows, said = np.nonzero(votes)
    wrong = said != seeds[0].labels[rows]
    rows, said = rows[wrong], said[wrong]
    order = np.lexsort((rows, -mean[rows, said]))
    _, first = np.unique(rows[order], return_index=True)
    kept = order[np.sort(first)[:limit]]
    return [_answer(seeds, votes, mean, int(rows[one]), int(said[one])) for one in kept]


def missed_by_all(contenders: Mapping[str, Seeds], limit: int) -> tuple[int, list[Missed]]:
    """How many pictures no run got right, and those on which the runs agree most."""
    tables = [table for seeds in contenders.values() for table in seeds]
    labels = tables[0].labels
    votes = np.zeros((len(labels), len(tables[0].classes)), np.int64)
    for table in tables:
        votes[np.arange(len(labels)), table.predicted] += 1
    rows = np.flatnonzero(votes[np.arange(len(labels)), labels] == 0)
    order = rows[np.lexsort((rows, -votes[rows].max(1)))]
    shown = [
        Missed(
            place=int(tables[0].indices[row]),
            label=int(labels[row]),
            said=int(votes[row].argmax()),
            votes=int(votes[row].max()),
            runs=len(tables),
        )
        for row in order[:limit]
    ]
    return len(rows), shown


def sample(table: Predictions, limit: int) -> list[int]:
    """Rows of any pictures, evenly from the classes: always the same, chosen by nobody."""
    present = np.unique(table.labels)
    each = -(-limit // len(present))
    spread = [_evenly(np.flatnonzero(table.labels == label), each) for label in present]
    turns = [row for turn in zip_longest(*spread) for row in turn if row is not None]
    return turns[:limit] if len(present) <= limit else _evenly(np.array(turns), limit)


def _evenly(rows: npt.NDArray[np.int64], limit: int) -> list[int]:
    # Neighbours in a part are often alike.
    places = (np.arange(limit) * len(rows)) // limit
    return [int(row) for row in rows[np.unique(places)]]


def _tally(seeds: Seeds) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Votes and mean probabilities over seeds, pictures × classes."""
    votes = np.zeros(seeds[0].probabilities.shape, np.int64)
    mean = np.zeros(votes.shape, np.float32)
    for table in seeds:
        votes[np.arange(len(table)), table.predicted] += 1
        mean += table.probabilities / len(seeds)
    return votes, mean


def _answer(
    seeds: Seeds,
    votes: npt.NDArray[np.int64],
    mean: npt.NDArray[np.float32],
    row: int,
    predicted: int,
) -> Answer:
    return Answer(
        place=int(seeds[0].indices[row]),
        label=int(seeds[0].labels[row]),
        predicted=predicted,
        votes=int(votes[row, predicted]),
        confidence=float(mean[row, predicted]),
    )
