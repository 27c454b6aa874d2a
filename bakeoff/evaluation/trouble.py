"""Signs that a training did not work, in words: a number alone would be reported as a result."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bakeoff.evaluation.metrics import Metrics

__all__ = ["below_probe", "signs_of_trouble"]

_MOVED = 0.02
"""A loss that fell by less than this share never moved."""


def signs_of_trouble(metrics: Metrics, losses: Sequence[float] = ()) -> tuple[str, ...]:
    """What is wrong with a run that was measured as `metrics` say, after these training losses."""
    found = []
    if is_chance(metrics):
        found.append(
            f"BROKEN: accuracy {metrics.accuracy:.4f} on {metrics.pictures} pictures is no better "
            f"than always naming the largest class ({_largest(metrics):.4f}). The model learned "
            "nothing. Likely causes: a rate far too high or too low, labels that do not belong to "
            "the pictures, pictures that are not scaled, or dead units after a bad start. Try a "
            "tenth of the rate, and look at the data with `bakeoff data`."
        )
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) >= 3 and min(finite[1:]) > (1 - _MOVED) * finite[0]:
        found.append(
            f"The training loss never moved: it began at {finite[0]:.3f} and was never below "
            f"{min(finite):.3f}. Likely causes: a rate far too low, or nothing that is trainable."
        )
    never = [one.name for one in metrics.classes if one.support and not one.predicted]
    if never and len(never) < len(metrics.classes):
        names = ", ".join(never[:5]) + (", …" if len(never) > 5 else "")
        found.append(
            f"{len(never)} of {len(metrics.classes)} classes are never predicted: {names}. Likely "
            "causes: too few pictures of them, or classes of very unequal size."
        )
    return tuple(found)


def is_chance(metrics: Metrics) -> bool:
    """Whether the accuracy lies within two standard errors of always naming the largest class."""
    base = _largest(metrics)
    error = math.sqrt(base * (1 - base) / metrics.pictures)
    return metrics.accuracy <= base + 2 * error


def below_probe(metrics: Metrics, probe_accuracy: float, pictures: int) -> str | None:
    """What is wrong where the accuracy is clearly below that of a linear classifier, which was
    measured on so many pictures of the same part; None where it is not.

    Clearly: by two standard errors of the difference between two shares, as if they came from
    different pictures. They are in part the same, which makes the true error smaller: this errs
    on the side of silence.
    """
    hits = metrics.accuracy * metrics.pictures + probe_accuracy * pictures
    share = hits / (metrics.pictures + pictures)
    error = math.sqrt(share * (1 - share) * (1 / metrics.pictures + 1 / pictures))
    if probe_accuracy - metrics.accuracy <= 2 * error:
        return None
    return (
        f"Accuracy {metrics.accuracy:.4f} on {metrics.pictures:,} pictures is clearly below that "
        f"of a linear classifier on small copies of the pictures ({probe_accuracy:.4f} on "
        f"{pictures:,}): labels and pictures belong together, and the training did not get at "
        "it. Likely causes: too few epochs, a rate far too high or too low, augmentation that "
        "takes away what tells the classes apart, a frozen backbone with random weights or one "
        "for quite other pictures, or too much regularisation. Try more epochs first, then a "
        "tenth of the rate."
    )


def _largest(metrics: Metrics) -> float:
    return max(one.support for one in metrics.classes) / metrics.pictures
