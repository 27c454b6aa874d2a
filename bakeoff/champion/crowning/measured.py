"""Every number of a champion, each with what it was measured on: computed from tables on disk.

Nothing is predicted here, and no part is opened: numbers of the test part are those of the bake-off
that opened it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.champion.crowning.choosing import Chosen
from bakeoff.evaluation import intervals
from bakeoff.evaluation.calibration import reliability, temperature, tempered
from bakeoff.evaluation.intervals import Interval
from bakeoff.evaluation.metrics import measure, most_confused
from bakeoff.evaluation.predictions import Predictions
from bakeoff.evaluation.statistic import named

__all__ = ["calibrated", "of_part", "table_of"]

_SHIPPED = ("loss", "ece")
"""What calibration changes."""

_PAIRS = 5

_MEANS = (
    *("accuracy", "precision", "recall", "f1"),
    *("weighted_precision", "weighted_recall", "weighted_f1"),
)

Shares = npt.NDArray[np.floating[Any]]


def calibrated(shares: Shares, labels: npt.NDArray[np.int64]) -> tuple[float, dict[str, Any]]:
    """The temperature, and what it does to validation.

    What is said of it is measured crosswise, on each half by the temperature of the other: on the
    pictures it was fitted to, any temperature looks better than it is.
    """
    found = temperature(shares, labels)
    place = np.random.default_rng(0).permutation(len(labels))
    after = np.array(shares, np.float64)
    for fitted, other in ((place[::2], place[1::2]), (place[1::2], place[::2])):
        if len(fitted):
            after[other] = tempered(shares[other], temperature(shares[fitted], labels[fitted]))
    told: dict[str, Any] = {"pictures": len(labels), "temperature": found}
    for name, value in (("before", shares), ("after", after)):
        told[name] = {
            "ece": reliability(value, labels).ece,
            "loss": float(-np.log(_own(value, labels)).mean()),
        }
    return found, told


def table_of(chosen: Chosen, classes: tuple[str, ...], part: str) -> Predictions | None:
    """What the run said of a part; None where it was not asked."""
    try:
        facts = chosen.run.predictions(part)
    except FileNotFoundError:
        return None
    return Predictions(
        indices=facts["indices"],
        labels=facts["labels"],
        probabilities=facts["probabilities"],
        classes=classes,
    )


def of_part(chosen: Chosen, table: Predictions, temperature: float) -> dict[str, Any]:
    """The numbers of the part that was measured: of all seeds as they stand in the bake-off, and of
    the run that is shipped."""
    metrics = measure(table.probabilities, table.labels, table.classes)
    sure = Predictions(
        indices=table.indices,
        labels=table.labels,
        probabilities=tempered(table.probabilities, temperature).astype(np.float32),
        classes=table.classes,
    )
    told: dict[str, Any] = {
        "part": chosen.part,
        "pictures": len(table),
        "opened": None if chosen.bakeoff is None else chosen.bakeoff["opened"],
        "seeds": _of_seeds(chosen),
        "sameness": chosen.sameness,
        "shipped": {
            "seed": chosen.seed,
            "accuracy": asdict(intervals.accuracy(table.correct)),
            "tta": _with_views(chosen, table.classes),
            "macro_f1": asdict(intervals.bootstrap(named("macro_f1"), [table])),
            **_without_copies(chosen, table),
            **{name: _both(name, table, sure) for name in _SHIPPED},
        },
        "means": {name: getattr(metrics, name) for name in _MEANS},
        "classes": [asdict(one) for one in metrics.classes],
        "confused": [asdict(one) for one in most_confused(metrics, _PAIRS)],
    }
    return told


def _of_seeds(chosen: Chosen) -> dict[str, Any] | None:
    """What the bake-off says of the recipe, all of its seeds together."""
    if chosen.row is None:
        return None
    wanted = ("accuracy", "tta", "clean_accuracy", "macro_f1")
    return {name: chosen.row["numbers"].get(name) for name in wanted}


def _with_views(chosen: Chosen, classes: tuple[str, ...]) -> dict[str, Any] | None:
    table = table_of(chosen, classes, f"{chosen.part}-tta")
    return None if table is None else asdict(intervals.accuracy(table.correct))


def _without_copies(chosen: Chosen, table: Predictions) -> dict[str, Any]:
    """Accuracy on the pictures of which there is no copy in what was learnt from."""
    if chosen.bakeoff is None:
        return {}
    leaked = chosen.bakeoff["data"]["leaked"]["indices"]
    clean = ~np.isin(table.indices, leaked)
    if not len(leaked) or not clean.any():
        return {}
    return {"clean_accuracy": asdict(intervals.accuracy(table.correct[clean]))}


def _both(name: str, before: Predictions, after: Predictions) -> Mapping[str, Any]:
    def told(table: Predictions) -> dict[str, Any]:
        found: Interval = intervals.bootstrap(named(name), [table])
        return asdict(found)

    return {"before": told(before), "after": told(after)}


def _own(shares: Shares, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The probability of each picture's own class, none infinitely small."""
    own = shares[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(np.maximum(own, 1e-12))
