"""A graph with int8 inside: its convolutions and products, by the ranges that its values have on
pictures of validation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from bakeoff.champion.rehearsal import seen
from bakeoff.data.dataset import Dataset
from bakeoff.data.scan import in_order
from bakeoff.spec.errors import MissingExtraError
from bakeoff.spec.image import Preprocess
from bakeoff.training import graph
from bakeoff.training.runtimes import installed

__all__ = ["PICTURES", "quantised"]

PICTURES = 256
"""Of validation, whose ranges are taken: more move accuracy by less than chance does."""

_AT_ONCE = 32

Pixels = npt.NDArray[np.uint8]


def quantised(path: Path, dataset: Dataset, target: Preprocess) -> Path:
    """The graph in a file, in int8, in its place."""
    if not installed("onnx", "onnxruntime"):
        raise MissingExtraError("--int8", "onnx")
    model = onnx.load(path)
    small = graph.quantised(path, _batches(dataset, target), without=_before(model))
    onnx.save(onnx.load(small), path)
    for left in path.parent.glob(f"{small.name}*"):
        left.unlink()
    return path


def _before(model: onnx.ModelProto) -> list[str]:
    """Names of the steps that prepare pictures: whole pixels rounded again would be others."""
    makers = {output: node for node in model.graph.node for output in node.output}
    offset = next(node for node in model.graph.node if "classifier.offset" in node.input)
    found, waiting = [], [offset]
    while waiting:
        node = waiting.pop()
        found.append(node.name)
        waiting += [makers[name] for name in node.input if name in makers]
    return found


def _batches(dataset: Dataset, target: Preprocess) -> Iterator[Pixels]:
    indices = dataset.split.parts()["val"]
    count = min(PICTURES, len(indices))
    some = indices[np.arange(count) * len(indices) // count]
    pictures = list(in_order(lambda index: seen(dataset, int(index), target), some))
    for start in range(0, len(pictures), _AT_ONCE):
        yield np.stack(pictures[start : start + _AT_ONCE])
