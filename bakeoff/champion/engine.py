"""What computes a champion's answers, whichever runtime it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Engine", "Numbers", "Outputs", "in_pieces", "tolerance"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Numbers = Literal["float32", "bfloat16", "float16", "int8"]

_TOLERANCES: dict[Numbers, float] = {
    "float32": 2e-3,
    "float16": 5e-2,
    "bfloat16": 5e-2,
    "int8": 5e-2,
}
# Of the largest difference of a probability. Measured in single precision on a processor: 7e-7
# between torch and ONNX Runtime on the goldens of two trained champions, up to 6e-6 on untrained
# networks (speed recipe, ResNet-18) whose scores were spread until most answers were sure; the rest
# is for decoders of other versions, which may be off by a grey level. In bf16: 9e-3 and 2e-2 on
# those goldens, up to 7e-2 on the spread networks. What goldens are to catch made between .08
# (bilinear for area) and .8 (blue first) on a small network. GPU and int8 are not measured.
_ON_GPU = 1e-2
"""In single precision, whose products a GPU may round to ten bits (TF32)."""

_MOST = 256
_VALUES = 1_600_000
"""Pixels that are computed at once: 31 pictures of 224×224. What lies between the layers has to be
held."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Outputs:
    """What a network says of some pictures, a row each."""

    probabilities: Floats
    """Calibrated: of the scores divided by the champion's temperature."""

    scores: Floats
    """As the network gives them, before any temperature."""

    features: Floats | None
    """What its last layer sees, flattened; None where nothing lies between pixels and scores."""


class Engine(Protocol):
    """Decoded and fitted pictures, uint8 N×S×S×3, to what the champion says of them.

    May be called from several threads at once.
    """

    @property
    def name(self) -> str:
        """Runtime, device and precision: "onnxruntime cpu float32"."""

    @property
    def tolerance(self) -> float:
        """How far a probability may lie from the golden one, by the numbers it computes in."""

    def __call__(self, pictures: Pixels) -> Outputs: ...


def tolerance(numbers: Numbers, *, gpu: bool = False) -> float:
    """How far a probability may lie from that of torch in single precision on a processor."""
    return _ON_GPU if gpu and numbers == "float32" else _TOLERANCES[numbers]


def in_pieces(run: Callable[[Pixels], Sequence[Floats]], pictures: Pixels) -> Outputs:
    """The outputs of `run` (probabilities, scores and perhaps features), computed for so many
    pictures at a time that the memory they take is bounded."""
    assert pictures.dtype == np.uint8, pictures.dtype
    assert pictures.ndim == 4, pictures.shape
    assert pictures.shape[3] == 3, pictures.shape
    if not len(pictures):
        # Not all runtimes know an empty batch; a blank picture says how wide an answer is.
        blank = run(np.zeros((1, *pictures.shape[1:]), np.uint8))
        return _outputs([one[:0] for one in blank])
    found = [run(piece) for piece in _pieces(pictures)]
    whole = (
        found[0] if len(found) == 1 else [np.concatenate(one) for one in zip(*found, strict=True)]
    )
    return _outputs(whole)


def _outputs(whole: Sequence[Floats]) -> Outputs:
    features = whole[2] if len(whole) > 2 else None
    return Outputs(probabilities=whole[0], scores=whole[1], features=features)


def _pieces(pictures: Pixels) -> Iterator[Pixels]:
    count = max(1, min(_MOST, _VALUES // (pictures.shape[1] * pictures.shape[2])))
    for start in range(0, len(pictures), count):
        yield np.ascontiguousarray(pictures[start : start + count])
