"""A graph as OpenVINO's own two files, `model.xml` and `model.bin`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.spec.errors import MissingExtraError
from bakeoff.training.graph import undisturbed

__all__ = ["converted", "has_bfloat16"]


def converted(graph: Path, folder: Path, *, half: bool) -> Path:
    """The ONNX graph in a file, in OpenVINO's form; `half` keeps weights in half precision."""
    openvino = _openvino()
    path = folder / "model.xml"
    with undisturbed():
        # Read and not converted: its converter would report its use to its makers.
        openvino.save_model(openvino.Core().read_model(str(graph)), path, compress_to_fp16=half)
    return path


def has_bfloat16() -> bool:
    """Whether this processor computes in bf16 faster than in single precision."""
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _openvino() -> Any:
    try:
        import openvino
    except ImportError:
        raise MissingExtraError("export to OpenVINO", "openvino") from None
    return openvino
