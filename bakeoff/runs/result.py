"""How a run ends: measured, written down, sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.dataset import Dataset
from bakeoff.evaluation.calibration import reliability
from bakeoff.evaluation.metrics import Metrics, measure
from bakeoff.evaluation.trouble import Effort, below_probe, signs_of_trouble
from bakeoff.models.classifier import Classifier
from bakeoff.runs.probe import Probe
from bakeoff.runs.run import Run
from bakeoff.runs.viewing import Viewed, recorded
from bakeoff.training.clock import Clock

__all__ = ["Ended", "Outcome", "remembered", "sealed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ended."""

    run: Run
    finished: bool
    """False: it was stopped, and goes on with `resume`."""

    metrics: Metrics | None = None
    """On validation, where it was measured now."""

    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Ended:
    """What training or fitting leaves behind."""

    classifier: Classifier
    probabilities: npt.NDArray[np.float32]
    """Of the validation part."""

    seed: int
    effort: Effort
    losses: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    exact: bool = True

    viewed: Viewed | None = None
    """Of the validation part, with test-time augmentation."""

    facts: Mapping[str, Any]
    """More for the result."""


def remembered(run: Run) -> Outcome:
    """The outcome of a run that was sealed before."""
    return Outcome(run=run, finished=True, warnings=tuple(run.result()["warnings"]))


def sealed(
    run: Run, ended: Ended, dataset: Dataset, clock: Clock, *, probe: Probe, leads: bool
) -> Outcome:
    """Measure what is kept, and write it all down, the result last."""
    indices = dataset.split.val
    labels = dataset.labels[indices]
    metrics = measure(ended.probabilities, labels, dataset.classes)
    below = None
    if probe.accuracy is not None:
        below = below_probe(metrics, probe.accuracy, probe.pictures, ended.effort)
    signs = signs_of_trouble(metrics, ended.losses, ended.effort)
    signs = (*signs, *([below] if below else []))
    warnings = (*signs, *ended.classifier.notes)
    if leads:
        run.predict(
            "val",
            {"indices": indices, "labels": labels, "probabilities": ended.probabilities},
        )
        run.keep_weights(ended.classifier.state_dict())
        calibration = reliability(ended.probabilities, labels)
        told = {**_numbers(metrics), "ece": calibration.ece, "probe": asdict(probe)}
        if ended.viewed is not None:
            told["tta"] = recorded(run, ended.viewed, dataset)
        run.seal({**told, **_result(ended, dataset, warnings, clock)})
    return Outcome(run=run, finished=True, metrics=metrics, warnings=warnings)


def _numbers(metrics: Metrics) -> dict[str, Any]:
    return {
        "schema": 1,
        "part": "val",
        "accuracy": metrics.accuracy,
        "loss": metrics.loss,
        "precision": metrics.precision,
        "recall": metrics.recall,
        "f1": metrics.f1,
        "weighted_precision": metrics.weighted_precision,
        "weighted_recall": metrics.weighted_recall,
        "weighted_f1": metrics.weighted_f1,
        **{f"top{k}": share for k, share in metrics.top.items()},
        "pictures": metrics.pictures,
        "classes": [asdict(one) for one in metrics.classes],
        "confusion": [list(row) for row in metrics.confusion],
    }


def _result(
    ended: Ended, dataset: Dataset, warnings: tuple[str, ...], clock: Clock
) -> dict[str, Any]:
    parameters = sum(parameter.numel() for parameter in ended.classifier.parameters())
    return {
        "warnings": list(warnings),
        "notes": list(ended.notes),
        "exact": ended.exact,
        "seed": ended.seed,
        "data": dataset.digest,
        "parameters": parameters,
        "random_weights": ended.classifier.random_weights,
        **ended.facts,
        "seconds": {name: round(spent, 3) for name, spent in clock.spent().items()},
        "clock": clock.describe(),
    }
