"""Signs that a training did not work, in words: a number alone would be reported as a result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.evaluation.metrics import Metrics
from bakeoff.evaluation.phrases import count

__all__ = ["Effort", "below_probe", "signs_of_trouble"]

_MOVED = 0.02
"""A loss that fell by less than this share never moved."""

_ABOUT = 0.1
"""Of the way from chance to all right: what has come less far is about as good as chance."""

_FEW_STEPS = 50
"""Below these hardly any network has learned, whatever else is right or wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How a model came about, as far as it tells what may be wrong with it."""

    fitted: bool = False
    """It was fitted, not trained: it has no rate, steps or units."""

    balanced: bool = False
    """Classes counted the same, so accuracy may be given away for the small ones."""

    steps: int | None = None
    epochs: float | None = None

    @property
    def too_little(self) -> str:
        """As in trained for 0.18 epochs, 4 steps; nothing where it was not that little."""
        ending = "" if self.epochs == 1 else "s"
        known = [f"{self.epochs:.2g} epoch{ending}"] if self.epochs is not None else []
        known += [count(self.steps, "step")] if self.steps is not None else []
        few = self.steps is not None and self.steps < _FEW_STEPS
        short = self.epochs is not None and self.epochs < 1
        return f"trained for {', '.join(known)}" if few or short else ""

    def causes(self, others: str) -> str:
        """What is to blame first, before the others: too little training, if it was little."""
        if not self.too_little:
            return f"Likely causes: {others}"
        return (
            f"The likely cause: it was only {self.too_little}; allow more time or epochs. If "
            f"that does not help: {others}"
        )


_TRAINED = Effort()


def signs_of_trouble(
    metrics: Metrics, losses: Sequence[float] = (), effort: Effort = _TRAINED
) -> tuple[str, ...]:
    """What is wrong with a run that was measured as `metrics` say, after these training losses."""
    found = []
    if is_chance(metrics, balanced=effort.balanced):
        found.append(_at_chance(metrics, effort))
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) >= 3 and min(finite[1:]) > (1 - _MOVED) * finite[0]:
        causes = effort.causes("a rate far too low, or nothing that is trainable.")
        found.append(
            f"The training loss never moved: it began at {finite[0]:.3f} and was never below "
            f"{min(finite):.3f}. {causes}"
        )
    there = [one for one in metrics.classes if one.support]
    never = [one.name for one in there if not one.predicted]
    if never and len(never) < len(metrics.classes):
        names = ", ".join(never[:5]) + (", …" if len(never) > 5 else "")
        among = " that have pictures here" if len(there) < len(metrics.classes) else ""
        one = len(never) == 1
        causes = effort.causes("too few pictures of them, or classes of very unequal size.")
        found.append(
            f"{len(never)} of {len(there)} classes{among} {'is' if one else 'are'} never "
            f"predicted: {names}. {causes.replace('of them', 'of it') if one else causes}"
        )
    return tuple(found)


def is_chance(metrics: Metrics, *, balanced: bool = False) -> bool:
    """Whether the score lies within two standard errors of what no learning gives. Accuracy that
    was given up for the small classes is no such sign: their recall shows that they are told."""
    scores = [_score(metrics, kind) for kind in {balanced, True}]
    return all(score <= base + 2 * error for score, base, error in scores)


def below_probe(
    metrics: Metrics, probe_accuracy: float, pictures: int, effort: Effort = _TRAINED
) -> str | None:
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
    others = (
        "a rate far too high or too low, augmentation that takes away what tells the classes "
        "apart, a frozen backbone with random weights or one for quite other pictures, or too "
        "much regularisation."
    )
    if effort.too_little:
        causes = effort.causes(others)
    else:
        causes = (
            f"Likely causes: too few epochs, {others} Try more epochs first, then a tenth of the "
            "rate."
        )
    return (
        f"Accuracy {metrics.accuracy:.4f} on {metrics.pictures:,} pictures is clearly below that "
        f"of a linear classifier on small copies of the pictures ({probe_accuracy:.4f} on "
        f"{pictures:,}): labels and pictures belong together, and the training did not get at "
        f"it. {causes}"
    )


def _at_chance(metrics: Metrics, effort: Effort) -> str:
    """That nothing was learned, or that too few pictures show whether anything was."""
    score, base, _ = _score(metrics, effort.balanced)
    kind = "mean recall over classes" if effort.balanced else "accuracy"
    chance = "guessing" if effort.balanced else "always naming the largest class"
    on = count(metrics.pictures, "picture")
    if score > base + _ABOUT * (1 - base):
        return (
            f"{kind.capitalize()} {score:.4f} on {on} cannot be told from {chance} ({base:.4f}): "
            "with so few pictures it may be by chance. More validation pictures would tell."
        )
    if effort.fitted:
        causes = (
            "Likely causes: too few pictures to learn from, labels that do not belong to the "
            "pictures, or inputs that do not show what tells the classes apart. Look at the data "
            "with `bakeoff data`, and try features of a pretrained backbone."
        )
    else:
        causes = effort.causes(
            "a rate far too high or too low, labels that do not belong to the pictures, pictures "
            "that are not scaled, or dead units after a bad start. Try a tenth of the rate, and "
            "look at the data with `bakeoff data`."
        )
    return (
        f"BROKEN: {kind} {score:.4f} on {on} is no better than {chance} ({base:.4f}). The model "
        f"learned nothing that shows. {causes}"
    )


def _score(metrics: Metrics, balanced: bool) -> tuple[float, float, float]:
    """What is measured, what no learning gives, and the standard error of that."""
    there = [one for one in metrics.classes if one.support]
    if balanced:
        base = 1 / len(there)
        error = math.sqrt(base * (1 - base) * sum(1 / one.support for one in there)) / len(there)
        return sum(one.recall for one in there) / len(there), base, error
    base = max(one.support for one in there) / metrics.pictures
    return metrics.accuracy, base, math.sqrt(base * (1 - base) / metrics.pictures)
