"""The pictures on the page: mistakes, samples, those missed by all, and those behind each cell.

What is seen at once gets room first. The rest goes to the cells in turns, a picture of each cell
of each contender before a second of any, so that a page that runs out of room has some everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.data.dataset import Dataset
from bakeoff.evaluation.predictions import Predictions
from bakeoff.report.confusion import Confusion
from bakeoff.report.pictures import (
    Answer,
    Missed,
    behind_cells,
    missed_by_all,
    mistakes,
    sample,
)
from bakeoff.report.thumbnails import Thumbnail, Thumbnails

__all__ = ["Gallery", "Sampled", "gallery"]

ROOM = 2_600_000
"""Characters of all pictures on a page; with the rest, ten contenders stay under 5 MB."""

SIDE = 96
"""Longest side of a picture in pixels: on dense screens they are shown at half of it."""

MISTAKES, MISSED, SAMPLES = 18, 18, 20
"""Shown of each contender, of those missed by all, and in all."""

BEHIND, BEHIND_RIGHT = 18, 6
"""Behind a cell of mistakes, and behind one of the diagonal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampled:
    """One sample picture: what the winner said, and who was right."""

    picture: Thumbnail
    label: str
    said: str
    confidence: float
    right: tuple[str, ...]
    wrong: tuple[tuple[str, str], ...]
    """Contenders that were wrong (by the votes of their seeds), and what they said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """All pictures of a page."""

    mistakes: Mapping[str, Sequence[tuple[Thumbnail, Answer]]]
    missed_count: int
    missed: Sequence[tuple[Thumbnail, Missed]]
    samples: Sequence[Sampled]
    cells: Mapping[str, Any]
    """For the page's script: pictures, and by contender and cell which of them lie behind it."""


def gallery(
    dataset: Dataset,
    tables: Mapping[str, Sequence[Predictions]],
    matrices: Mapping[str, Confusion],
    first: str | None,
) -> Gallery:
    """Choose and make the pictures; `first` is the contender whose answers samples show."""
    made = Thumbnails(dataset=dataset, room=ROOM, side=SIDE)
    wrong = {
        name: [
            (picture, answer)
            for answer in mistakes(seeds, MISTAKES)
            if (picture := made.get(answer.place))
        ]
        for name, seeds in tables.items()
    }
    count, missed = missed_by_all(tables, MISSED)
    shown = [(picture, one) for one in missed if (picture := made.get(one.place))]
    samples = _samples(made, tables, first or next(iter(tables)))
    return Gallery(
        mistakes=wrong,
        missed_count=count,
        missed=shown,
        samples=samples,
        cells=_cells(made, tables, matrices),
    )


def _samples(
    made: Thumbnails, tables: Mapping[str, Sequence[Predictions]], first: str
) -> list[Sampled]:
    table, classes = tables[first][0], made.dataset.classes
    found = []
    for row in sample(table, SAMPLES):
        picture = made.get(int(table.indices[row]))
        if picture is None:
            break
        label = int(table.labels[row])
        said = {name: _vote(seeds, row) for name, seeds in tables.items()}
        mean = sum(float(one.probabilities[row, said[first]]) for one in tables[first])
        found.append(
            Sampled(
                picture=picture,
                label=classes[label],
                said=classes[said[first]],
                confidence=mean / len(tables[first]),
                right=tuple(name for name, one in said.items() if one == label),
                wrong=tuple((name, classes[one]) for name, one in said.items() if one != label),
            )
        )
    return found


def _vote(seeds: Sequence[Predictions], row: int) -> int:
    """What most seeds said; of as many, what the seeds together find likelier."""
    said = [int(one.predicted[row]) for one in seeds]
    weight = sum(one.probabilities[row] for one in seeds)
    return max(set(said), key=lambda each: (said.count(each), float(weight[each])))


def _cells(
    made: Thumbnails,
    tables: Mapping[str, Sequence[Predictions]],
    matrices: Mapping[str, Confusion],
) -> dict[str, Any]:
    behind = {
        name: {
            cell: found
            for cell, found in behind_cells(seeds, BEHIND).items()
            if matrices[name].shows(*cell)
        }
        for name, seeds in tables.items()
    }
    kept: dict[str, dict[str, list[list[int]]]] = {name: {} for name in behind}
    counts = {
        name: {f"{label}-{said}": count for (label, said), (count, _) in cells.items()}
        for name, cells in behind.items()
    }
    for turn in range(BEHIND):
        for name, cells in behind.items():
            for (label, said), (_, answers) in cells.items():
                limit = BEHIND_RIGHT if label == said else BEHIND
                if turn >= min(len(answers), limit):
                    continue
                answer = answers[turn]
                number = made.number(answer.place)
                if number is not None:
                    sure = round(100 * answer.confidence)
                    entry = kept[name].setdefault(f"{label}-{said}", [])
                    entry.append([number, answer.votes, sure])
    return {
        "pictures": [
            [one.source, one.name, one.width, one.height, int(one.small)] for one in made.listed
        ],
        "behind": kept,
        "distinct": counts,
        "seeds": {name: len(seeds) for name, seeds in tables.items()},
    }
