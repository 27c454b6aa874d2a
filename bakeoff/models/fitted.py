"""What an estimator has learnt, as tensors: predicted by torch, saved and exported like a network.

scikit-learn is needed to fit, never to predict, and nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.spec.estimator import (
    DecisionTree,
    Estimator,
    GradientBoosting,
    LinearProbe,
    LinearRegression,
    Method,
    NearestNeighbours,
    Pixels,
    RandomForest,
    ZeroShot,
)

__all__ = [
    "BoostedTrees",
    "Descriptions",
    "FittedHead",
    "LinearScores",
    "MeanOfTrees",
    "Neighbours",
    "Vectors",
]


class _Held(nn.Module):
    """Buffers given by name, and by nothing else."""

    names: ClassVar[tuple[str, ...]]
    """Which ones there are."""

    def __init__(self, **tensors: Tensor) -> None:
        super().__init__()
        assert set(tensors) == set(self.names), sorted(tensors)
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


class Vectors(_Held):
    """Pictures or features to the vectors that an estimator sees."""

    names: ClassVar[tuple[str, ...]] = ("mean", "factor", "directions")

    mean: Tensor
    """Taken away from each number."""
    factor: Tensor
    """What each is then multiplied with."""
    directions: Tensor
    """The principal components, inputs × components; empty where all inputs are kept."""

    def forward(self, flat: Tensor) -> Tensor:
        vectors = (flat - self.mean) * self.factor
        return vectors @ self.directions if self.directions.numel() else vectors


class LinearScores(_Held):
    """A linear function per class."""

    names: ClassVar[tuple[str, ...]] = ("weight", "bias")

    weight: Tensor
    bias: Tensor

    def forward(self, vectors: Tensor) -> Tensor:
        return functional.linear(vectors, self.weight, self.bias)


class _Trees(_Held):
    """All nodes of all trees in one table; a leaf asks nothing and leads to itself."""

    names: ClassVar[tuple[str, ...]] = (
        "feature",
        "threshold",
        "left",
        "right",
        "roots",
        "values",
        "depth",
    )

    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    roots: Tensor
    values: Tensor
    """One row per node."""

    def __init__(self, **tensors: Tensor) -> None:
        super().__init__(**tensors)
        # As a plain number, so that an export can write the questions out.
        self.questions = int(tensors["depth"])

    def leaves(self, vectors: Tensor) -> Tensor:
        """The leaf that each picture reaches in each tree: pictures × trees."""
        nodes = self.roots.expand(vectors.shape[0], -1)
        for _ in range(self.questions):
            asked = vectors.gather(1, self.feature[nodes])
            nodes = torch.where(asked <= self.threshold[nodes], self.left[nodes], self.right[nodes])
        return nodes


class MeanOfTrees(_Trees):
    """Trees that each give one score per class; one tree, or a forest."""

    def forward(self, vectors: Tensor) -> Tensor:
        return self.values[self.leaves(vectors)].mean(1)


class BoostedTrees(_Trees):
    """Series of trees, one series per class, each added up; all of a class come together."""

    names: ClassVar[tuple[str, ...]] = (*_Trees.names, "base")

    base: Tensor
    """Where each series starts."""

    def forward(self, vectors: Tensor) -> Tensor:
        steps = self.values[self.leaves(vectors)].squeeze(2)
        return steps.view(steps.shape[0], self.base.shape[0], -1).sum(2) + self.base


class Neighbours(_Held):
    """All training vectors of length one, and their classes; the nearest ones vote."""

    names: ClassVar[tuple[str, ...]] = ("bank", "labels", "classes", "count", "temperature")

    bank: Tensor
    labels: Tensor

    def __init__(self, **tensors: Tensor) -> None:
        super().__init__(**tensors)
        self.columns, self.votes = int(tensors["classes"]), int(tensors["count"])
        self.sharpness = float(tensors["temperature"])

    def forward(self, vectors: Tensor) -> Tensor:
        cosines = functional.normalize(vectors) @ self.bank.T
        near = cosines.topk(min(self.votes, self.bank.shape[0]), dim=1)
        # Relative to the nearest: exp() of large numbers overflows in half precision.
        votes = ((near.values - near.values[:, :1]) / self.sharpness).exp()
        chosen = functional.one_hot(self.labels[near.indices], self.columns)
        return (votes[:, :, None] * chosen).sum(1) / votes.sum(1, keepdim=True)


class Descriptions(_Held):
    """What the classes mean, in the space that CLIP compares pictures and words in."""

    names: ClassVar[tuple[str, ...]] = ("projection", "texts")

    projection: Tensor
    """The picture tower's last step, features × width."""
    texts: Tensor
    """One row per class, as long as CLIP is sure of itself."""

    def forward(self, vectors: Tensor) -> Tensor:
        return functional.normalize(vectors @ self.projection) @ self.texts.T


_KINDS: dict[type[Method], type[_Held]] = {
    LinearRegression: LinearScores,
    LinearProbe: LinearScores,
    DecisionTree: MeanOfTrees,
    RandomForest: MeanOfTrees,
    GradientBoosting: BoostedTrees,
    NearestNeighbours: Neighbours,
    ZeroShot: Descriptions,
}


class FittedHead(nn.Module):
    """An estimator in a classifier's place of the head: normalised pictures or features in,
    logarithms of shares out. Empty until it is fitted or loaded."""

    def __init__(self, declared: Estimator, classes: int) -> None:
        super().__init__()
        self.declared = declared
        self.classes = classes
        self.vectors: Vectors | None = None
        self.scores: _Held | None = None

    @property
    def names(self) -> frozenset[str]:
        """What its state holds once it is fitted."""
        parts: dict[str, type[_Held]] = {
            "vectors": Vectors,
            "scores": _KINDS[type(self.declared.method)],
        }
        return frozenset(f"{part}.{name}" for part, kind in parts.items() for name in kind.names)

    def forward(self, inputs: Tensor) -> Tensor:
        # Thresholds and one-hot targets are no place for half precision.
        with torch.autocast(inputs.device.type, enabled=False):
            return self.shares(self.regressed(self.flat(inputs.float())))

    def flat(self, inputs: Tensor) -> Tensor:
        """The numbers that the estimator looks at, before they are standardised."""
        wanted = self.declared.inputs
        if isinstance(wanted, Pixels) and wanted.side is not None:
            inputs = functional.adaptive_avg_pool2d(inputs, wanted.side)
        return inputs.flatten(1)

    def regressed(self, flat: Tensor) -> Tensor:
        """One score per class, as they were fitted."""
        assert self.vectors is not None, "not fitted yet"
        assert self.scores is not None, "not fitted yet"
        scores: Tensor = self.scores(self.vectors(flat))
        return scores

    def shares(self, scores: Tensor) -> Tensor:
        """Logarithms of what adds up to 1, in the same order; scores that were made for
        a softmax are such already."""
        if isinstance(self.declared.method, LinearProbe | ZeroShot):
            return scores
        raised = scores.clamp(min=self.declared.floor)
        return (raised / raised.sum(1, keepdim=True)).log()

    def take(self, vectors: Mapping[str, Tensor], scores: Mapping[str, Tensor]) -> None:
        """Hold what was fitted."""
        self.vectors = Vectors(**vectors)
        self.scores = _KINDS[type(self.declared.method)](**scores)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *others: Any, **named: Any
    ) -> None:
        # How many nodes or neighbours there are is known only to the state.
        parts: dict[str, dict[str, Tensor]] = {"vectors": {}, "scores": {}}
        for key, value in state_dict.items():
            part, _, name = key.removeprefix(prefix).partition(".")
            if key.startswith(prefix) and part in parts:
                parts[part][name] = value.detach().clone()
        if all(parts.values()):
            self.take(**parts)
        super()._load_from_state_dict(state_dict, prefix, *others, **named)
