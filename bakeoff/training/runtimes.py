"""Engines that run a graph: OpenVINO and ONNX Runtime, where they are installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bakeoff.training.graph import INPUT, OUTPUT

__all__ = ["Run", "installed", "onnx_runtime", "openvino"]

_STREAMS = 4
"""Pieces that are worked on at once: what a batch holds of them."""

Floats = npt.NDArray[np.float32]

Run = Callable[[Floats], Floats]
"""Normalised pictures, any number of them → features."""


def installed(*packages: str) -> tuple[str, ...] | None:
    """Their versions; None unless all of them are here."""
    try:
        return tuple(version(package) for package in packages)
    except PackageNotFoundError:
        return None


def openvino(path: Path, *, precision: str, threads: int) -> Run:
    """The graph by OpenVINO, in "f32" or "bf16"; layers in int8 stay so.

    Several pieces are worked on at once, so that threads rarely wait for each other.
    """
    import openvino as ov

    streams = min(threads, _STREAMS)
    # Read and not converted: its converter would report its use to its makers.
    compiled = ov.Core().compile_model(
        path,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            # Where other work is pinned to the same processor, both would wait.
            "ENABLE_CPU_PINNING": False,
        },
    )
    piece = int(compiled.input(0).shape[0])
    requests = [compiled.create_infer_request() for _ in range(streams)]

    def run(pictures: Floats) -> Floats:
        filled = _filled(pictures, piece)
        pieces = len(filled) // piece
        found: list[Floats] = []
        for number in range(pieces + streams):
            request = requests[number % streams]
            if number >= streams:
                request.wait()
                found.append(request.get_output_tensor().data.copy())
            if number < pieces:
                some = filled[number * piece : (number + 1) * piece]
                request.start_async({0: some}, share_inputs=True)
        return np.concatenate(found)[: len(pictures)]

    return run


def onnx_runtime(path: Path, *, threads: int) -> Run:
    """The graph by ONNX Runtime, on the processor."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that wait leave the processor to torch, which prepares the next pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    piece = int(session.get_inputs()[0].shape[0])

    def run(pictures: Floats) -> Floats:
        filled = _filled(pictures, piece)
        found = [
            session.run([OUTPUT], {INPUT: filled[start : start + piece]})[0]
            for start in range(0, len(filled), piece)
        ]
        return np.concatenate(found)[: len(pictures)]

    return run


def _filled(pictures: Floats, piece: int) -> Floats:
    """Whole pieces, blank pictures at the end if need be."""
    missing = -len(pictures) % piece
    if not missing:
        return np.ascontiguousarray(pictures)
    blank = np.zeros((missing, *pictures.shape[1:]), pictures.dtype)
    return np.concatenate([pictures, blank])
