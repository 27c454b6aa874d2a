"""A champion's graph by ONNX Runtime. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Numbers, Outputs, in_pieces, tolerance
from bakeoff.data import machine
from bakeoff.spec.errors import ArgumentError, DataError, MissingExtraError

__all__ = ["INPUT", "OnnxEngine", "has_gpu"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

INPUT = "pictures"
_GPU = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


class OnnxEngine:
    """The graph in a file, whose weights may lie beside it."""

    def __init__(
        self,
        path: Path,
        *,
        device: str | None = None,
        threads: int | None = None,
        numbers: Numbers = "float32",
    ) -> None:
        ort = _runtime()
        gpu = device not in (None, "cpu")
        if gpu and not has_gpu():
            raise ArgumentError(
                "device",
                "must be 'cpu': this ONNX Runtime has no GPU",
                device,
                "Take engine='torch', or install onnxruntime-gpu.",
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or machine.look().cores
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that wait by spinning take the processor from those that decode pictures: a folder
        # of 1,000 pictures of 32×32 took a quarter more processor time by them, on two cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=[_GPU, _CPU] if gpu else [_CPU]
            )
        except Exception as error:  # its own kinds of errors, which share no base
            reason = str(error).strip().splitlines()[0]
            raise DataError(str(path), f"cannot be opened by ONNX Runtime ({reason})") from None
        there = [one.name for one in self._session.get_outputs()]
        self._names = [n for n in ("probabilities", "scores", "features") if n in there]
        self.name = f"onnxruntime {'cuda' if gpu else 'cpu'} {numbers}"
        self.tolerance = tolerance(numbers, gpu=gpu)

    def __call__(self, pictures: Pixels) -> Outputs:
        return in_pieces(self._run, pictures)

    def _run(self, pictures: Pixels) -> list[Floats]:
        found: list[Floats] = self._session.run(self._names, {INPUT: pictures})
        return found


def has_gpu() -> bool:
    """Whether the ONNX Runtime that is installed can compute on a GPU."""
    return _GPU in _runtime().get_available_providers()


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("the engine 'onnx'", "onnx") from None
    return onnxruntime
