"""Where the score of a class comes from, by gradients: Grad-CAM for classifiers of torch.

It looks at the last convolution whose map is fine enough, so one pass forward and one back through
what follows are all the work. A backbone of tokens has no such map: see `attention`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bakeoff.champion.explaining import attention
from bakeoff.champion.explaining.maps import Method, enlarged
from bakeoff.models.backbones import Extractor
from bakeoff.models.classifier import Classifier
from bakeoff.models.layers import Attend, ResidualBlock, Whitening

__all__ = ["Gradients"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Step = Callable[[Tensor], Tensor]

_PLACED = (nn.Conv2d, Whitening, ResidualBlock, Attend)
"""Layers whose map says what was found where."""

_FINE = 7
"""Places a side that a map should have: one of 3×3 finds a small thing half of the time."""

_COARSEST = 4
"""Places a side below which a map is not worth showing; hiding parts of the picture says more."""


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """A classifier in two: normalised pictures to a map, and the map to scores."""

    before: Step
    after: Step
    placed: Step
    """The map, or what is shaped like it, as B×C×H×W."""


class Gradients:
    """Maps of one classifier, which infers; it is left as it was found."""

    def __init__(self, classifier: Classifier) -> None:
        assert not classifier.training, "gradients are those of the network that predicts"
        self._classifier = classifier
        self._cut = _cut(classifier)
        self.method: Method | None = "gradcam"
        """What it can do; None where nothing in the classifier has a place."""
        if self._cut is None:
            self.method = "attention" if attention.has_tokens(classifier) else None

    def __call__(self, pictures: Pixels, places: Sequence[int]) -> Floats:
        """How much each pixel speaks for one class of each picture: N×S×S, no scale, no less than
        nothing."""
        assert self.method is not None, "nothing has a place"
        device = self._classifier.factor.device
        planes = self._classifier.normalised(torch.tensor(pictures, device=device))
        if self._cut is None:
            heat = attention.relevance(self._classifier, planes, places)
        else:
            heat = _gradcam(self._cut, planes, places)
        return np.stack([enlarged(one, pictures.shape[1]) for one in heat.cpu().numpy()])


def _gradcam(cut: _Cut, planes: Tensor, places: Sequence[int]) -> Tensor:
    """By place: the mean over places that Grad-CAM was published with is the same before a mean
    over the map, and misleads before a maximum or a dense layer (it then weighs a channel alike
    where it was looked at and where it was not)."""
    with torch.no_grad():
        maps = cut.before(planes)
    maps = maps.detach().requires_grad_()
    with torch.enable_grad():
        scores = cut.after(maps)
        told = scores[range(len(places)), list(places)].sum()
        (slopes,) = torch.autograd.grad(told, maps)
    shares = cut.placed(slopes * maps.detach())
    return shares.float().sum(1).clamp(min=0)


def _cut(classifier: Classifier) -> _Cut | None:
    backbone, head = classifier.backbone, classifier.head
    side = classifier.size
    device = classifier.factor.device
    with torch.no_grad():
        blank = torch.zeros(1, 3, side, side, device=device)
        if backbone is not None:
            return _of_backbone(backbone, head, blank)
        if not isinstance(head, nn.Sequential):
            return None
        place = _last_map(head, blank)
    if place is None:
        return None
    return _Cut(before=head[:place], after=head[place:], placed=_itself)


def _itself(maps: Tensor) -> Tensor:
    return maps


def _last_map(head: nn.Sequential, blank: Tensor) -> int | None:
    """After how many layers a map ends that a convolution made: the last of those fine enough, else
    the finest. Norms and nonlinearities that follow at the same size belong to it."""
    found: list[tuple[int, int]] = []
    made = False
    for place, layer in enumerate(head, 1):
        blank = layer(blank)
        if blank.dim() != 4:
            break
        side = min(blank.shape[2:])
        if isinstance(layer, _PLACED):
            made = True
            found.append((side, place))
        elif made and found[-1][0] == side:
            found[-1] = (side, place)
    kept = [one for one in found if one[0] >= _FINE] or sorted(found)
    return kept[-1][1] if kept and kept[-1][0] >= _COARSEST else None


def _of_backbone(backbone: Extractor, head: nn.Module, blank: Tensor) -> _Cut | None:
    """Before the backbone's own pooling, whatever follows it."""
    whole = backbone.whole(blank)
    if whole.dim() != 4:
        return None
    last = backbone.channels_last
    side = min(whole.shape[1:3] if last else whole.shape[2:])
    if side < _COARSEST:
        return None

    def after(maps: Tensor) -> Tensor:
        scores: Tensor = head(backbone.finished(maps))
        return scores

    def placed(maps: Tensor) -> Tensor:
        return maps.permute(0, 3, 1, 2) if last else maps

    return _Cut(before=backbone.whole, after=after, placed=placed)
