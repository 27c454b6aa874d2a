"""Suspected label errors as one HTML file: to look at, to decide on, to take away as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from bakeoff.data.dataset import Dataset
from bakeoff.data.labels import DROP, Proposal, table
from bakeoff.evaluation.label_errors import Suspects
from bakeoff.evaluation.phrases import count, share
from bakeoff.evaluation.predictions import Predictions
from bakeoff.report.templates import environment, file_of, policy
from bakeoff.report.thumbnails import Thumbnail, Thumbnails
from bakeoff.version import __version__

__all__ = ["SHOWN", "label_page", "sentence", "suspects_csv"]

SHOWN = 300
"""Suspects on the page; the table holds all of them."""

SIDE, BESIDE = 224, 72
"""Longest side in pixels of a picture, and of those beside it."""

ROOM = 24_000_000
"""Characters that all pictures may take, and as many again those beside them."""

LIKELY, ALIKE = 4, 6
"""Classes whose probabilities are told, and pictures beside one at most."""

Neighbours = Mapping[int, Sequence[int]]
"""Places of the pictures nearest to one, by its place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Beside:
    """A row of pictures to compare with."""

    title: str
    shown: tuple[tuple[int, Thumbnail], ...]
    """With the number of each in the page's style."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Item:
    number: int
    name: str
    given: str
    suggested: str
    score: float
    picture: Thumbnail | None
    likely: tuple[tuple[str, float], ...]
    beside: tuple[_Beside, ...]


def sentence(suspects: Suspects, *, part: str) -> str:
    """What is thought of a part's labels: how many are wrong, and of how many that can be told.

    These are two numbers: how many pictures a network is surer of than it should be says how many
    labels are wrong, and seldom which.
    """
    of, listed = count(suspects.pictures, f"{part} picture"), len(suspects)
    if not listed:
        return f"Of {of}, no label is suspected to be wrong."
    errors, expected = round(suspects.errors), round(float(suspects.scores.sum()))
    head = (
        f"Of {of}, about {errors:,} {'is' if errors == 1 else 'are'} thought to bear a wrong label."
    )
    if listed == 1:
        likelihood = share(float(suspects.scores[0]))
        return (
            f"{head} The likeliest is listed: its label is wrong with a likelihood of {likelihood}."
        )
    if not expected:
        return f"{head} The {listed:,} likeliest are listed: hardly any of these should be wrong."
    return (
        f"{head} The {listed:,} likeliest are listed: about {expected:,} of these should be wrong, "
        "and in the rest the network is."
    )


def suspects_csv(dataset: Dataset, suspects: Suspects) -> str:
    """The table of all suspects, the likeliest first, with nothing decided."""
    return table(_proposals(dataset, suspects))


def label_page(
    dataset: Dataset,
    predictions: Predictions,
    suspects: Suspects,
    *,
    part: str = "validation",
    neighbours: Neighbours | None = None,
) -> str:
    """The page, complete in itself.

    Beside each picture stand its nearest `neighbours`, or else typical pictures of both classes.
    """
    small = Thumbnails(dataset=dataset, room=ROOM, side=BESIDE)
    items = list(_items(dataset, predictions, suspects, neighbours, small))
    style = file_of("bakeoff.css") + file_of("labels.css") + _backgrounds(small.listed)
    script = file_of("labels.js")
    template = environment(1).get_template("labels.html")
    return template.render(
        name=dataset.name,
        digest=dataset.digest,
        classes=dataset.classes,
        sentence=sentence(suspects, part=part),
        suspects=len(suspects),
        items=items,
        drop=DROP,
        by_neighbours=neighbours is not None,
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        version=__version__,
    )


def _proposals(dataset: Dataset, suspects: Suspects) -> Iterator[Proposal]:
    columns: list[list[Any]] = [
        column.tolist()
        for column in (suspects.indices, suspects.given, suspects.suggested, suspects.scores)
    ]
    for place, given, suggested, score in zip(*columns, strict=True):
        yield Proposal(
            name=dataset.pictures.name(place),
            given=dataset.classes[given],
            suggested=dataset.classes[suggested],
            score=score,
        )


def _items(
    dataset: Dataset,
    predictions: Predictions,
    suspects: Suspects,
    neighbours: Neighbours | None,
    small: Thumbnails,
) -> Iterator[_Item]:
    large = Thumbnails(dataset=dataset, room=ROOM, side=SIDE)
    for number, proposal in enumerate(_proposals(dataset, suspects)):
        if number == SHOWN:
            return
        place, row = int(suspects.indices[number]), int(suspects.rows[number])
        if neighbours is not None:
            beside = [("Nearest pictures, by what the network sees", neighbours.get(place, ()))]
        else:
            beside = [
                (f"Typical of {dataset.classes[label]}", _typical(predictions, suspects, label))
                for label in (int(suspects.given[number]), int(suspects.suggested[number]))
            ]
        yield _Item(
            number=number + 1,
            name=proposal.name,
            given=proposal.given,
            suggested=proposal.suggested,
            score=proposal.score,
            picture=large.get(place),
            likely=_likely(predictions, row),
            beside=tuple(_beside(small, title, places) for title, places in beside),
        )


def _likely(predictions: Predictions, row: int) -> tuple[tuple[str, float], ...]:
    """The likeliest classes and the given one, with what the network gave them."""
    shares = predictions.probabilities[row]
    best = np.argsort(-shares, kind="stable")[:LIKELY].tolist()
    given = int(predictions.labels[row])
    places = best if given in best else [*best[:-1], given]
    return tuple((predictions.classes[place], float(shares[place])) for place in places)


def _typical(predictions: Predictions, suspects: Suspects, label: int) -> list[int]:
    """Places of pictures of a class about which the network is right and surest."""
    rows = np.flatnonzero((predictions.labels == label) & predictions.correct)
    rows = np.setdiff1d(rows, suspects.rows)
    order = np.argsort(-predictions.confidence[rows], kind="stable")[: ALIKE // 2]
    return [int(place) for place in predictions.indices[rows[order]]]


def _beside(small: Thumbnails, title: str, places: Sequence[int]) -> _Beside:
    found = []
    for place in places[:ALIKE]:
        number = small.number(place)
        if number is not None:
            found.append((number, small.listed[number]))
    return _Beside(title=title, shown=tuple(found))


def _backgrounds(listed: Sequence[Thumbnail]) -> str:
    """Styles that hold each small picture once, however often it is shown."""
    return "".join(
        f".n{number}{{background-image:url({one.source})}}" for number, one in enumerate(listed)
    )
