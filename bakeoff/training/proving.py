"""Ways to compute features, and the proof that one may stand in for another.

Exact ways are proved by the features of a sample. Those that round to few levels cannot be: for
them a linear classifier is trained on features of either kind, and what it gets right decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

__all__ = ["TOLERANCE", "Exact", "Function", "Proof", "Rough", "Sample", "Way", "Ways"]

TOLERANCE = 0.1
"""How far a picture's features may lie from the reference, as a share of their length. Those of
bf16 lie at up to 0.07 (a mobile network with real weights, 4,000 pictures), and a linear head on
them is as accurate; those of another preprocessing lie at 0.7."""

LOSS = 0.005
"""Accuracy that a rough way may cost on the sample."""

_SAMPLE = 64
_WARM = 8
_LABELLED = 1024
_AT_ONCE = 64
_SMALL = 1000.0
_PENALTY = 0.1
"""Of the linear classifier, in units of a picture's mean squared length."""

Function = Callable[[Tensor], Tensor]
"""uint8 B×H×W×3 on the device → B×features, or B×channels×height×width."""

Sample = Callable[[int], tuple[Tensor, Tensor]]
"""At most so many training pictures, always the same ones, and their classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to compute the features, such as in bf16 or by another engine."""

    name: str
    prepare: Callable[[], Function]
    """Makes it ready, once. What it raises means that there is no such way here."""

    version: str = ""
    """Of what computes, where the name does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Which way is used, and why it may be."""

    name: str
    function: Function
    reason: str

    shape: tuple[int, ...]
    """Of one picture's features."""

    dtype: np.dtype[Any]
    """In which they are kept."""


class Ways(Protocol):
    """Ways in order of preference, of which one is proved when it is first asked for."""

    @property
    def key(self) -> str: ...

    @property
    def proof(self) -> Proof: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Exact:
    """Ways whose features are the same but for rounding; the last is the reference.

    The first whose features of a sample lie within the tolerance of the reference's is used: the
    order decides and not a race, so that the same features come out again.
    """

    ways: Sequence[Way]
    sample: Sample
    tolerance: float = TOLERANCE

    @property
    def key(self) -> str:
        """All that decides which features come out, beside the pictures and the weights."""
        return f"{[(way.name, way.version) for way in self.ways]} {self.tolerance}"

    @cached_property
    def proof(self) -> Proof:
        """Found out once."""
        *fast, reference = self.ways
        pictures, _ = self.sample(_SAMPLE)
        base = reference.prepare()
        wanted, slow = _timed(base, pictures)
        # Where there is room to spare, fp16 holds all that bf16 can tell apart.
        small = float(wanted.abs().max()) < _SMALL
        plain = Proof(
            name=reference.name,
            function=base,
            reason=f"Features by {reference.name}.",
            shape=tuple(wanted.shape[1:]),
            dtype=np.dtype(np.float16 if small else np.float32),
        )
        refused = ""
        for way in fast:
            try:
                function = way.prepare()
                got, took = _timed(function, pictures)
            except Exception as error:
                refused += _failed(way, error)
                continue
            if (off := _distance(got, wanted)) <= self.tolerance:
                reason = (
                    f"Features by {way.name}: at most {off:.2%} from {reference.name} on "
                    f"{len(pictures)} pictures ({self.tolerance:.0%} is allowed), "
                    f"{slow / took:.1f} times as fast.{refused}"
                )
                return replace(plain, name=way.name, function=function, reason=reason)
            refused += f" Not by {way.name}: up to {off:.1%} off."
        return replace(plain, reason=plain.reason + refused)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rough:
    """Ways that round to few levels, and the exact ones that stand behind them.

    The first is used with which a linear classifier loses next to nothing: trained on its
    features of one half of a sample, judged on the exact features of the other, as the model
    will be.
    """

    ways: Sequence[Way]
    exact: Exact

    @property
    def key(self) -> str:
        """All that decides which features come out, beside the pictures and the weights."""
        return f"{[(way.name, way.version) for way in self.ways]} {LOSS}, else {self.exact.key}"

    @cached_property
    def proof(self) -> Proof:
        """Found out once."""
        base, refused = self.exact.proof, ""
        for way in self.ways:
            try:
                function = way.prepare()
                found = self._compared(function)
            except Exception as error:
                refused += _failed(way, error)
                continue
            told = (
                f"a linear classifier trained on them gets {found.rough:.4f} of {found.count:,} "
                f"training pictures that were held out right, and {found.exact:.4f} trained on "
                f"those by {base.name}"
            )
            if found.rough >= found.exact - LOSS:
                reason = (
                    f"Features of the training part by {way.name}, as asked: {told}. "
                    f"{found.faster:.1f} times as fast.{refused}"
                )
                return replace(base, name=way.name, function=function, reason=reason)
            refused += f" Not by {way.name}: {told}."
        return replace(base, reason=base.reason + refused)

    def _compared(self, function: Function) -> _Comparison:
        pictures, labels = self.exact.sample(_LABELLED)
        wanted, slow = _in_pieces(self.exact.proof.function, pictures)
        got, took = _in_pieces(function, pictures)
        same = got.shape == wanted.shape and bool(torch.isfinite(got).all())
        return _Comparison(
            rough=_linear(got, wanted, labels) if same else 0.0,
            exact=_linear(wanted, wanted, labels),
            count=len(labels),
            faster=slow / took,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Comparison:
    """How good features are to learn from."""

    rough: float
    """Accuracy of what learnt from them."""

    exact: float
    """Accuracy of what learnt from the exact ones."""

    count: int
    """Of how many pictures."""

    faster: float


def _failed(way: Way, error: Exception) -> str:
    lines = str(error).strip().splitlines()
    said = lines[0][:200].rstrip(" .") if lines else type(error).__name__
    return f" Not by {way.name}: {said}."


@torch.inference_mode()
def _timed(function: Function, pictures: Tensor) -> tuple[Tensor, float]:
    # The first call also sets up kernels; its time says nothing.
    function(pictures[:_WARM])
    return _in_pieces(function, pictures)


@torch.inference_mode()
def _in_pieces(function: Function, pictures: Tensor) -> tuple[Tensor, float]:
    begun = time.perf_counter()
    got = [function(piece).float().cpu() for piece in torch.split(pictures, _AT_ONCE)]
    return torch.cat(got), time.perf_counter() - begun


def _distance(got: Tensor, wanted: Tensor) -> float:
    """The largest distance of a picture's features, as a share of their length."""
    if got.shape != wanted.shape or not bool(torch.isfinite(got).all()):
        return float("inf")
    lengths = torch.linalg.vector_norm(wanted.flatten(1), dim=1).clamp(min=1e-6)
    return float((torch.linalg.vector_norm((got - wanted).flatten(1), dim=1) / lengths).max())


def _linear(learnt: Tensor, judged: Tensor, labels: Tensor) -> float:
    """The share that ridge regression gets right, trained on `learnt` of one half of the pictures
    and asked about `judged` of the other; and the other way round."""
    classes = int(labels.max()) + 1
    targets = torch.eye(classes, dtype=torch.float64)[labels]
    rows, asked = _vectors(learnt), _vectors(judged)
    right = 0
    for half in (0, 1):
        train, test = slice(half, None, 2), slice(1 - half, None, 2)
        mean, base = rows[train].mean(0), targets[train].mean(0)
        centred = rows[train] - mean
        gram = centred @ centred.T
        gram.diagonal().add_(_PENALTY * gram.diagonal().mean().clamp(min=1e-12))
        weights = centred.T @ torch.linalg.solve(gram, targets[train] - base)
        scores = (asked[test] - mean) @ weights + base
        right += int((scores.argmax(1) == labels[test]).sum())
    return right / len(labels)


def _vectors(features: Tensor) -> Tensor:
    """One row for each picture; of maps, the means."""
    return (features.flatten(2).mean(2) if features.dim() > 2 else features).double()
