"""A classifier that also says what it was sure of, and what it saw: the one network behind every
engine and every export."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bakeoff.models.classifier import Classifier
from bakeoff.models.fitted import FittedHead

__all__ = ["Tapped", "tapped"]


class Tapped(nn.Module):
    """uint8 pictures, N×S×S×3, to probabilities, scores and, where there are any, features.

    Features are what the last layer sees, flattened: the one that gives each class its score. An
    estimator is a last layer in itself. There are none where that layer sees the pixels.
    """

    def __init__(self, classifier: Classifier, temperature: float) -> None:
        super().__init__()
        assert temperature > 0, temperature
        self.classifier = classifier
        self.temperature = temperature
        self._body = _body(classifier.head)
        learnt = any(True for part in self._body for _ in part.parameters())
        self.has_features = classifier.backbone is not None or learnt

    @property
    def names(self) -> tuple[str, ...]:
        """Of what `forward` gives, in its order."""
        return ("probabilities", "scores", "features")[: 3 if self.has_features else 2]

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        seen = self.classifier.features(pictures)
        for part in self._body:
            seen = part(seen)
        scores = seen
        for part in self._last:
            scores = part(scores)
        scores = scores.float()
        probabilities = torch.softmax(scores / self.temperature, dim=1)
        if not self.has_features:
            return probabilities, scores
        return probabilities, scores, seen.float().flatten(1)

    @property
    def _last(self) -> tuple[nn.Module, ...]:
        head = self.classifier.head
        return tuple(head.children())[len(self._body) :] if _is_table(head) else (head,)


def tapped(classifier: Classifier, temperature: float = 1.0) -> Tapped:
    """`classifier` with its probabilities calibrated and its features shown; in its mode, on its
    device, and with its tensors, which are not copied."""
    made = Tapped(classifier, temperature)
    made.train(classifier.training)
    return made


def _is_table(head: nn.Module) -> bool:
    return isinstance(head, nn.Sequential)


def _body(head: nn.Module) -> tuple[nn.Module, ...]:
    """The layers of the head before the one that gives the scores."""
    if not _is_table(head):
        assert isinstance(head, FittedHead), type(head)
        return ()
    parts = tuple(head.children())
    linear = [place for place, part in enumerate(parts) if isinstance(part, nn.Linear)]
    assert linear, "a table ends with its classes"
    return parts[: linear[-1]]
