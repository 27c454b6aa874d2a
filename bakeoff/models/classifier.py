"""Pictures in, scores out: the one module that is trained, evaluated, exported and served."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.data.progress import Progress, silent
from bakeoff.models import backbones, build, zero_shot
from bakeoff.models.backbones import Extractor
from bakeoff.models.fitted import FittedHead
from bakeoff.models.weights import RANDOM_NOTE
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator, ZeroShot
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone, Head, Network

__all__ = ["Classifier", "assemble", "settle"]


class Classifier(nn.Module):
    """uint8 pictures, B×H×W×3, to one score per class.

    Pictures are resized on the device where the network wants another size, and normalised in one
    multiplication and addition per value.
    """

    factor: Tensor
    offset: Tensor

    def __init__(
        self,
        *,
        backbone: Extractor | None,
        head: nn.Module,
        size: int,
        preprocess: Preprocess,
        interpolation: str = "bilinear",
    ) -> None:
        super().__init__()
        assert preprocess.mean is not None
        assert preprocess.std is not None
        self.backbone = backbone
        self.head = head
        self.size = size
        """Side of the network's input, in pixels."""
        self.interpolation = interpolation
        std = torch.tensor(preprocess.std, dtype=torch.float64)
        mean = torch.tensor(preprocess.mean, dtype=torch.float64)
        # Not part of the state: they follow from the recipe, which travels along.
        for name, values in (("factor", 1 / (255 * std)), ("offset", -mean / std)):
            self.register_buffer(name, values.float().view(1, 3, 1, 1), persistent=False)

    @property
    def random_weights(self) -> bool:
        """Whether it stands on a backbone that was never trained."""
        return self.backbone is not None and self.backbone.random_weights

    @property
    def preparation(self) -> str:
        """All that shapes the features beside the weights, as one text: for keys of caches."""
        backbone = None if self.backbone is None else self.backbone.declared
        numbers = [*self.factor.flatten().tolist(), *self.offset.flatten().tolist()]
        return f"{backbone} {self.size} {self.interpolation} {numbers}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What every result of it has to say."""
        if self.random_weights:
            return (RANDOM_NOTE,)
        fitted = self.head.declared if isinstance(self.head, FittedHead) else None
        words = fitted is not None and isinstance(fitted.method, ZeroShot)
        return (zero_shot.SEEN_NOTE,) if words else ()

    def forward(self, pictures: Tensor, size: int | None = None) -> Tensor:
        """The scores. Stages that train on smaller pictures give the side they want, in pixels."""
        scores: Tensor = self.head(self.features(pictures, size))
        return scores

    def features(self, pictures: Tensor, size: int | None = None) -> Tensor:
        """What the head sees: the backbone's features, or the normalised pictures."""
        normalised = self.normalised(pictures, size)
        return normalised if self.backbone is None else self.backbone(normalised)

    def normalised(self, pictures: Tensor, size: int | None = None) -> Tensor:
        """What the network sees: B×3×size×size, channels last in memory."""
        planes = pictures.permute(0, 3, 1, 2)
        if size is not None and size < planes.shape[2]:
            planes = _shrunk(planes, size)
        planes = planes.to(self.factor.dtype)
        side = size or self.size
        if planes.shape[2] != side or planes.shape[3] != side:
            planes = self._resized(planes, side)
        return planes * self.factor + self.offset

    def probabilities(self, pictures: Tensor, temperature: float = 1.0) -> Tensor:
        """One share per class, which add up to 1."""
        return torch.softmax(self(pictures).float() / temperature, dim=1)

    def _resized(self, planes: Tensor, side: int) -> Tensor:
        # Antialiased even when enlarging: that gives Pillow's cubic, which backbones learnt with.
        resized = functional.interpolate(
            planes, size=(side, side), mode=self.interpolation, antialias=True
        )
        # Bicubic filters overshoot at edges.
        return resized.clamp(0, 255) if self.interpolation == "bicubic" else resized


def _shrunk(planes: Tensor, side: int) -> Tensor:
    """Smaller pictures to train on. In whole numbers on the CPU, where that is 5 to 10 times as
    fast as in floats; other devices have no such kernel."""
    if planes.device.type != "cpu":
        planes = planes.float()
    return functional.interpolate(planes, size=(side, side), mode="bilinear", antialias=True)


def settle(
    network: Network | Estimator,
    preprocess: Preprocess,
    *,
    side: int,
    progress: Progress = silent,
) -> tuple[Network | Estimator, Preprocess]:
    """Both with what follows from the backbone filled in, to be written into the run's recipe.

    `side` is the short side of most pictures: none is enlarged before it reaches the network. A
    network without a backbone leaves mean and std open: they are measured on the training split.
    """
    backbone = _backbone_of(network)
    if backbone is None:
        return network, replace(preprocess, size=preprocess.size or side)
    if isinstance(network, Estimator) and isinstance(network.method, ZeroShot):
        zero_shot.ready(network, progress=progress)
    backbone = backbones.settled(backbone, progress=progress)
    assert backbone.size is not None
    size = preprocess.size or min(side, backbone.size)
    if preprocess.mean is None:
        said = backbones.metadata(backbone)
        preprocess = replace(preprocess, mean=said.mean, std=said.std)
    preprocess = replace(preprocess, size=size)
    if isinstance(network, Estimator):
        return replace(network, inputs=backbone), preprocess
    return replace(network, backbone=backbone), preprocess


def assemble(
    network: Network | Estimator,
    preprocess: Preprocess,
    *,
    classes: int,
    seed: int,
    pretrained: bool = True,
    progress: Progress = silent,
) -> Classifier:
    """The classifier that a settled declaration describes. The same seed gives the same weights.

    `pretrained=False` leaves a backbone's published weights aside, for a state that is loaded
    afterwards: nothing is downloaded then.
    """
    _refuse_unsettled(preprocess)
    assert preprocess.size is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = _backbone_of(network)
        extractor = None
        if backbone is not None:
            extractor = backbones.create(backbone, pretrained=pretrained, progress=progress)
        classifier = Classifier(
            backbone=extractor,
            head=_head(network, extractor, preprocess.size, classes),
            size=preprocess.size if extractor is None else extractor.size,
            preprocess=preprocess,
            interpolation="bilinear" if extractor is None else extractor.interpolation,
        )
    return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def initialise(classifier: Classifier, pictures: Tensor) -> None:
    """Let layers that start from the data see some training pictures: uint8, N×H×W×3."""
    if classifier.backbone is None:
        build.initialise(classifier.head, classifier.normalised(pictures))


def _backbone_of(network: Network | Estimator) -> Backbone | None:
    if isinstance(network, Network):
        return network.backbone
    return network.inputs if isinstance(network.inputs, Backbone) else None


def _head(
    network: Network | Estimator, extractor: Extractor | None, size: int, classes: int
) -> nn.Module:
    if isinstance(network, Estimator):
        return FittedHead(network, classes)
    if extractor is None:
        assert network.rows is not None
        return build.build(network.rows, size=size, classes=classes)
    rows = (network.head or Head()).rows
    return build.build_head(rows, features=extractor.shape, classes=classes)


def _refuse_unsettled(preprocess: Preprocess) -> None:
    for name in ("size", "mean", "std"):
        if getattr(preprocess, name) is None:
            raise SpecError(
                f"Preprocess.{name}",
                "must be settled before a network is made",
                suggestion="Give it, or let a run settle it from the pictures and the backbone.",
            )
