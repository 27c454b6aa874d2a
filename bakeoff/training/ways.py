"""Which ways there are to compute a backbone's features here, in order of preference.

The order was measured (docs/decisions/features.md) and is a rule: nothing is raced, so that the
same machine computes the same features again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from bakeoff.data.memory import free_memory
from bakeoff.models.classifier import Classifier
from bakeoff.training import graph, runtimes
from bakeoff.training.device import Device
from bakeoff.training.proving import Exact, Function, Rough, Sample, Way
from bakeoff.training.runtimes import Run

__all__ = ["WORTH", "WORTH_ROUNDING", "exact", "rough"]

WORTH = 1000
"""Pictures from which an engine is used. To make one ready takes some 5 s of a processor, which is
what it saves on about so many."""

WORTH_ROUNDING = 8000
"""Pictures from which int8 is used: its proof alone takes as long as a thousand of them."""

_PIECE = 16
"""Pictures that an engine is given at once."""

_CALIBRATING = 64
"""Training pictures that say which range activations have."""

_ROOM, _ROOM_ROUNDING = 4, 8
"""Times its weights that an engine takes while it is made ready."""

_EXPORTERS = ("onnx", "onnxscript")


def exact(classifier: Classifier, device: Device, sample: Sample, *, pictures: int) -> Exact:
    """The ways to compute the features of so many pictures in the device's numbers, and last the
    reference."""
    full = device.dtype == torch.float32
    ways: list[Way] = []
    if device.place.type == "cpu" and pictures >= WORTH:
        ways = _in_fp32(classifier, device) if full else _in_bf16(classifier, device)
    if not full:
        name = f"torch {device.dtype}".replace("torch.", "", 1)
        ways.append(_torch(name, partial(_cast, classifier, device)))
    return Exact(ways=(*ways, _torch("torch fp32", classifier.features)), sample=sample)


def rough(classifier: Classifier, device: Device, ways: Exact, *, pictures: int) -> Rough:
    """int8 before the exact ways, for pictures that are learnt from and not judged by."""
    packages = runtimes.installed(*_EXPORTERS, "onnxruntime")
    if device.place.type != "cpu":
        return _without("it is for CPUs", ways)
    if pictures < WORTH_ROUNDING:
        return _without(f"fewer than {WORTH_ROUNDING:,} pictures do not repay its proof", ways)
    if packages is None:
        return _without("it needs bakeoff[onnx], which is not installed", ways)
    name, load = f"ONNX Runtime {packages[-1]} int8", _onnx_runtime(device)
    if (found := runtimes.installed("openvino")) is not None:
        name, load = f"OpenVINO {found[0]} int8", _openvino(device)
    prepare = partial(_ready, classifier, load, ways.sample)
    return Rough(ways=(Way(name=name, prepare=prepare),), exact=ways)


def _without(reason: str, ways: Exact) -> Rough:
    def prepare() -> Function:
        raise NotImplementedError(reason)

    return Rough(ways=(Way(name="int8", prepare=prepare),), exact=ways)


def _in_bf16(classifier: Classifier, device: Device) -> list[Way]:
    # ONNX Runtime in fp32 is no faster than torch in bf16.
    found = runtimes.installed(*_EXPORTERS, "openvino")
    if found is None:
        return []
    prepare = partial(_ready, classifier, _openvino(device))
    return [Way(name=f"OpenVINO {found[-1]} bf16", prepare=prepare)]


def _in_fp32(classifier: Classifier, device: Device) -> list[Way]:
    ways = []
    for package, name, load in (
        ("openvino", "OpenVINO", _openvino(device)),
        ("onnxruntime", "ONNX Runtime", _onnx_runtime(device)),
    ):
        found = runtimes.installed(*_EXPORTERS, package)
        if found is not None:
            prepare = partial(_ready, classifier, load)
            ways.append(Way(name=f"{name} {found[-1]} fp32", prepare=prepare))
    return ways


def _openvino(device: Device) -> Callable[[Path], Run]:
    precision = "f32" if device.dtype == torch.float32 else "bf16"
    return partial(runtimes.openvino, precision=precision, threads=device.threads)


def _onnx_runtime(device: Device) -> Callable[[Path], Run]:
    return partial(runtimes.onnx_runtime, threads=device.threads)


def _torch(name: str, function: Function) -> Way:
    return Way(name=name, version=torch.__version__, prepare=lambda: function)


def _cast(classifier: Classifier, device: Device, images: Tensor) -> Tensor:
    with device.autocast():
        return classifier.features(images)


def _ready(
    classifier: Classifier, load: Callable[[Path], Run], calibration: Sample | None = None
) -> Function:
    """The backbone by another engine; in int8, with ranges from a sample."""
    backbone, size = classifier.backbone, classifier.size
    assert backbone is not None
    _refuse_without_room(classifier, _ROOM if calibration is None else _ROOM_ROUNDING)
    with tempfile.TemporaryDirectory(prefix="bakeoff-", ignore_cleanup_errors=True) as folder:
        path = graph.exported(backbone, (_PIECE, 3, size, size), Path(folder))
        if calibration is not None:
            pictures, _ = calibration(_CALIBRATING)
            whole = pictures[: len(pictures) // _PIECE * _PIECE]
            pieces = torch.split(whole, _PIECE)
            path = graph.quantised(path, (_planes(classifier, piece) for piece in pieces))
        run = load(path)

    def function(images: Tensor) -> Tensor:
        return torch.from_numpy(run(_planes(classifier, images)))

    return function


def _planes(classifier: Classifier, images: Tensor) -> graph.Floats:
    planes: graph.Floats = classifier.normalised(images).contiguous().numpy()
    return planes


def _refuse_without_room(classifier: Classifier, times: int) -> None:
    assert classifier.backbone is not None
    need = times * sum(tensor.nbytes for tensor in classifier.backbone.state_dict().values())
    free = free_memory(torch.device("cpu"))
    if need > free:
        raise MemoryError(f"it would take {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free")
