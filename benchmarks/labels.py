"""How well labels that were flipped on purpose are found again, by several methods.

    python benchmarks/labels.py DATA RUN [RUN …]              # runs' folders, sealed
    python benchmarks/labels.py cifar10 bakeoffs/one/runs/speed-* --rates 0.02 --draws 50

DATA is what the runs were trained on; its validation labels are flipped, to any other class alike,
and the runs' predictions of them searched. Errors that the data came with count as false finds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bakeoff.data.dataset import Dataset, load
from bakeoff.evaluation.label_errors import confident_joint, suspects
from bakeoff.evaluation.predictions import Predictions
from bakeoff.runs.run import Run
from bakeoff.spec import codec
from bakeoff.spec.split import SplitPlan

Rows = npt.NDArray[np.int64]
Method = Callable[[Predictions], Rows]


def _joint(told: Predictions) -> npt.NDArray[np.float64]:
    """The confident joint as published, errors only."""
    shares = told.probabilities
    joint, _ = confident_joint(shares, told.labels, shares.astype(np.float64))
    np.fill_diagonal(joint, 0)
    return joint


def _own(told: Predictions) -> npt.NDArray[np.float32]:
    own: npt.NDArray[np.float32] = told.probabilities[np.arange(len(told)), told.labels]
    return own


def _margin(told: Predictions) -> npt.NDArray[np.float32]:
    rest = told.probabilities.copy()
    rest[np.arange(len(told)), told.labels] = -1
    margin: npt.NDArray[np.float32] = _own(told) - rest.max(1)
    return margin


def _first(score: npt.NDArray[np.float32], count: float) -> Rows:
    return np.argsort(score, kind="stable")[: round(count)]


def by_self_confidence(told: Predictions) -> Rows:
    """As many as the confident joint counts, those with the least probability."""
    return _first(_own(told), _joint(told).sum())


def by_margin(told: Predictions) -> Rows:
    """As many, those furthest behind the likeliest other class."""
    return _first(_margin(told), _joint(told).sum())


def by_class(told: Predictions) -> Rows:
    """In each class as many as the joint counts there, by probability."""
    found, own = [], _own(told)
    for label, count in enumerate(_joint(told).sum(1)):
        rows = np.flatnonzero(told.labels == label)
        found.append(rows[_first(own[rows], count)])
    return np.concatenate(found)


def by_noise_rate(told: Predictions) -> Rows:
    """In each cell of the joint as many as it counts, by the margin between its two classes."""
    found, joint = [np.zeros(0, np.int64)], _joint(told)
    for label, other in zip(*np.nonzero(np.round(joint)), strict=True):
        rows = np.flatnonzero(told.labels == label)
        shares = told.probabilities[rows]
        found.append(rows[_first(shares[:, label] - shares[:, other], joint[label, other])])
    return np.unique(np.concatenate(found))


METHODS: dict[str, Method] = {
    "ours: joint less doubt": lambda told: suspects(told).rows,
    "joint, self-confidence": by_self_confidence,
    "joint, margin": by_margin,
    "joint, prune by class": by_class,
    "joint, prune by noise rate": by_noise_rate,
}


def flipped(labels: Rows, classes: int, rate: float, seed: int) -> tuple[Rows, Rows]:
    """Labels with a share of them moved to any other class, and which."""
    random = np.random.default_rng(seed)
    rows = random.choice(len(labels), round(rate * len(labels)), replace=False)
    moved = labels.copy()
    moved[rows] = (labels[rows] + random.integers(1, classes, len(rows))) % classes
    return moved, rows


def measure(told: Predictions, rate: float, draws: int) -> None:
    """Print precision and recall of each method at its own cut-off: mean, and what nineteen draws
    in twenty lie between."""
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in METHODS}
    estimates, ranked = [], []
    for seed in range(draws):
        labels, rows = flipped(told.labels, len(told.classes), rate, seed)
        noisy = Predictions(
            indices=told.indices,
            labels=labels,
            probabilities=told.probabilities,
            classes=told.classes,
        )
        for name, method in METHODS.items():
            got = method(noisy)
            hits = len(np.intersect1d(got, rows))
            found[name].append((hits / max(len(got), 1), hits / max(len(rows), 1), len(got)))
        estimates.append(suspects(noisy).errors)
        ranked.append(tuple(_at_half(score, rows) for score in (_own(noisy), _margin(noisy))))
    print(f"{rate:.1%} flipped of {len(told):,}, {draws} draws")
    for name, each in found.items():
        print(f"  {name:28} precision {_spread([g[0] for g in each])}  ", end="")
        count = np.mean([g[2] for g in each])
        print(f"recall {_spread([g[1] for g in each])}  suspects {count:.0f}")
    ours = found["ours: joint less doubt"]
    both = np.mean([precision >= 0.8 and recall >= 0.5 for precision, recall, _ in ours])
    print(f"  ours with precision ≥ .8 and recall ≥ .5: {both:.0%} of draws; ", end="")
    print(f"errors estimated {_spread(estimates, '.0f')}")
    own, margin = zip(*ranked, strict=True)
    print(f"  precision where recall is .5: self-confidence {_spread(own)}, ", end="")
    print(f"margin {_spread(margin)}")


def _at_half(score: npt.NDArray[np.float32], rows: Rows) -> float:
    if not len(rows):
        return float("nan")
    hits = np.isin(np.argsort(score, kind="stable"), rows).cumsum()
    half = -(-len(rows) // 2)
    return half / (int(np.searchsorted(hits, half)) + 1)


def _spread(values: list[float] | tuple[float, ...], style: str = ".3f") -> str:
    low, high = np.quantile(values, [0.025, 0.975])
    return f"{np.mean(values):{style}} ({low:{style}}–{high:{style}})"


def predictions(path: Path, dataset: Dataset) -> Predictions:
    """What a run said of validation; the labels are the dataset's."""
    kept = Run(path=path).predictions("val")
    assert np.array_equal(kept["indices"], dataset.split.val), "another dataset, or another split"
    return Predictions(
        indices=kept["indices"],
        labels=dataset.labels[dataset.split.val],
        probabilities=kept["probabilities"],
        classes=dataset.classes,
    )


def main() -> None:
    """All runs at all rates."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", help="what `bakeoff data` takes")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of sealed runs")
    parser.add_argument("--rates", nargs="+", type=float, default=[0.0, 0.01, 0.02, 0.05])
    parser.add_argument("--draws", type=int, default=50)
    given = parser.parse_args()
    for path in given.runs:
        told = json.loads((path / "environment.json").read_text(encoding="utf-8"))["data"]
        dataset = load(given.data, plan=codec.decode(SplitPlan, told["plan"]))
        said = predictions(path, dataset)
        print(f"{path.name}: accuracy {said.correct.mean():.4f}")
        for rate in given.rates:
            measure(said, rate, given.draws if rate else 1)


if __name__ == "__main__":
    main()
