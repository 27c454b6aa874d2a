"""The audit of a dataset as one HTML file: findings in words, and pictures to look at."""

from __future__ import annotations

from importlib import resources

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bakeoff.data.audit import Audit
from bakeoff.data.dataset import Dataset
from bakeoff.data.duplicates import Duplicates, Pair
from bakeoff.data.facts import Facts, Odd
from bakeoff.report.scatter import scatter
from bakeoff.report.thumbnails import Thumbnail, thumbnail
from bakeoff.version import __version__

__all__ = ["audit_page"]

SIDE = 112
"""Longest side of a picture on the page, in pixels."""

SAMPLES, PER_CLASS, CLASSES = 160, 14, 80
"""Sample pictures in all, of one class at most, and classes they are shown of."""

NEAR_PAIRS, EXACT_PAIRS, ODD = 48, 16, 12
"""Pairs and odd pictures of one kind that are shown."""

BROKEN = 100
"""Broken pictures that are listed."""

PARTS = {"train": "train", "val": "validation", "test": "test", "": "unused"}


def audit_page(dataset: Dataset, audit: Audit) -> str:
    """The page, complete in itself: styles and pictures included, nothing fetched."""
    facts = audit.facts
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["thousands"] = "{:,}".format
    environment.globals["parts"] = PARTS
    return environment.from_string(_file("audit.html")).render(
        style=Markup(_file("audit.css")),
        facts=facts,
        findings=audit.findings,
        rows=_balance(facts),
        samples=_samples(dataset),
        unseen=max(0, len(facts.classes) - CLASSES),
        near=_pairs(dataset, facts.near, NEAR_PAIRS),
        exact=_pairs(dataset, facts.exact, EXACT_PAIRS),
        odd=_odd(dataset, facts),
        broken_shown=facts.broken[:BROKEN],
        sizes=Markup(scatter(dataset.scan.widths, dataset.scan.heights)),
        version=__version__,
    )


def _file(name: str) -> str:
    return resources.files("bakeoff.report").joinpath(name).read_text(encoding="utf-8")


def _balance(facts: Facts) -> list[dict[str, object]]:
    """Classes with their counts, and widths of bars in per cent of the largest class."""
    columns = list(zip(*facts.counts.values(), strict=True))
    largest = max(max(map(sum, columns)), 1)
    return [
        {
            "name": name,
            "counts": dict(zip(facts.counts, column, strict=True)),
            "bars": [
                (part, round(100 * count / largest, 2))
                for part, count in zip(facts.counts, column, strict=True)
                if count
            ],
            "sum": sum(column),
        }
        for name, column in zip(facts.classes, columns, strict=True)
    ]


def _samples(dataset: Dataset) -> list[tuple[str, list[Thumbnail]]]:
    """A few pictures of each class, in the order of their digests: any order, but always one.

    Test pictures are left out, so that nobody tunes on having seen them.
    """
    seen = np.concatenate([dataset.split.train, dataset.split.val])
    digests = dataset.scan.digests[seen]
    seen = seen[np.lexsort(digests.T[::-1])]
    classes = dataset.classes[:CLASSES]
    each = min(max(SAMPLES // len(classes), 1), PER_CLASS)
    return [
        (name, [_shown(dataset, place) for place in seen[dataset.labels[seen] == label][:each]])
        for label, name in enumerate(classes)
    ]


def _pairs(dataset: Dataset, found: Duplicates, limit: int) -> list[tuple[Pair, list[Thumbnail]]]:
    return [
        (pair, [_shown(dataset, place) for place in pair.places]) for pair in found.listed[:limit]
    ]


def _odd(dataset: Dataset, facts: Facts) -> list[tuple[str, Odd, list[Thumbnail]]]:
    """Odd pictures of each kind; those of the test part are counted, but not shown."""
    sealed = set(dataset.split.test.tolist())
    kinds = (
        ("Nearly blank", facts.blank),
        ("Tiny", facts.tiny),
        ("Huge", facts.huge),
        ("Elongated", facts.elongated),
    )
    return [
        (title, odd, [_shown(dataset, place) for place in _open(odd, sealed)[:ODD]])
        for title, odd in kinds
        if odd.count
    ]


def _open(odd: Odd, sealed: set[int]) -> list[int]:
    return [place for place in odd.places if place not in sealed]


def _shown(dataset: Dataset, place: int) -> Thumbnail:
    return thumbnail(dataset, place, side=SIDE, quality=82)
