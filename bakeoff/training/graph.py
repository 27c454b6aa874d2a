"""A backbone as an ONNX graph in a file: as it is, or with int8 inside.

The graph begins at normalised pictures. Resizing and normalising stay with the classifier, so that
they are the same code for every engine. Its batch has one fixed size: engines plan better for
it, and every architecture can be exported so.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from bakeoff.training import chance

__all__ = ["INPUT", "OUTPUT", "exported", "quantised", "undisturbed"]

INPUT, OUTPUT = "pictures", "features"

Floats = npt.NDArray[np.float32]
Pictures = Floats | npt.NDArray[np.uint8]


def exported(network: nn.Module, shape: tuple[int, ...], folder: Path) -> Path:
    """The network for batches of normalised pictures of `shape`, in a file; weights beside it, as
    one file holds no more than 2 GB."""
    path = folder / "graph.onnx"
    with undisturbed(), torch.no_grad():
        torch.onnx.export(
            network,
            (torch.zeros(shape),),
            path,
            dynamo=True,
            external_data=True,
            verbose=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
        )
    return path


def quantised(path: Path, pictures: Iterable[Pictures], without: Sequence[str] = ()) -> Path:
    """The same graph with convolutions and products in int8, in a file beside it; steps that are
    named in `without` stay as they are.

    Each filter has a scale of its own; each activation the range that it had on `pictures`,
    batches of such as the graph takes.
    """
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    batches = iter(pictures)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Pictures] | None:
            batch = next(batches, None)
            return None if batch is None else {INPUT: batch}

    small = path.with_name("int8.onnx")
    with undisturbed():
        quantize_static(
            path,
            small,
            Reader(),
            nodes_to_exclude=list(without),
            per_channel=True,
            use_external_data_format=True,
        )
    return small


@contextmanager
def undisturbed() -> Iterator[None]:
    """A block whose chatter is not shown, and that leaves the generators of random numbers alone:
    a run that finds its features in the cache must go on with the same numbers."""
    before, muted = chance.capture(), logging.root.manager.disable
    # The tools warn about their own insides, and advise what was weighed.
    logging.disable(max(muted, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(muted)
        chance.restore(*before)
