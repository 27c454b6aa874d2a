"""A champion's graph by OpenVINO, on Intel's processors. Needs no torch."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Numbers, Outputs, in_pieces, tolerance
from bakeoff.data import machine
from bakeoff.spec.errors import ArgumentError, DataError, MissingExtraError

__all__ = ["OpenvinoEngine"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

_HINTS: dict[Numbers, str] = {
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "int8": "f32",
}
"""In what is computed that the graph does not say; layers in int8 stay so."""


class OpenvinoEngine:
    """The graph in a file, ONNX or OpenVINO's own, whose weights may lie beside it."""

    def __init__(
        self,
        path: Path,
        *,
        device: str | None = None,
        threads: int | None = None,
        numbers: Numbers = "float32",
    ) -> None:
        if device not in (None, "cpu"):
            raise ArgumentError("device", "must be 'cpu' for the engine 'openvino'", device)
        try:
            import openvino
        except ImportError:
            raise MissingExtraError("the engine 'openvino'", "openvino") from None
        options = {
            # Left to itself it computes in bf16 where the processor can.
            "INFERENCE_PRECISION_HINT": _HINTS[numbers],
            "INFERENCE_NUM_THREADS": threads or machine.look().cores,
            "PERFORMANCE_HINT": "LATENCY",
            # Where other work is pinned to the same processor, both would wait.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            # Read and not converted: its converter would report its use to its makers.
            self._model = openvino.Core().compile_model(str(path), "CPU", options)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise DataError(str(path), f"cannot be opened by OpenVINO ({reason})") from None
        names = {name for one in self._model.outputs for name in one.names}
        self._names = [n for n in ("probabilities", "scores", "features") if n in names]
        self._requests = threading.local()
        self.name = f"openvino cpu {numbers}"
        self.tolerance = tolerance(numbers)

    def __call__(self, pictures: Pixels) -> Outputs:
        return in_pieces(self._run, pictures)

    def _run(self, pictures: Pixels) -> list[Floats]:
        # A request is one thread's: two in the same would take each other's answers.
        request: Any = getattr(self._requests, "one", None)
        if request is None:
            request = self._requests.one = self._model.create_infer_request()
        request.infer([pictures], share_inputs=True)
        return [np.array(request.get_tensor(name).data) for name in self._names]
