"""Weights that a graph does not hold in full: it says where in a safetensors file beside it
they lie, or holds halves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

__all__ = ["halved", "pointed"]

_SMALL = 1024
"""Bytes up to which a graph holds numbers itself: runtimes look at small ones to learn shapes."""

_DTYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "U8": np.uint8}

Values = npt.NDArray[np.generic]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    offset: int
    length: int
    dtype: np.dtype[np.generic]


def pointed(graph: onnx.ModelProto, weights: Path) -> None:
    """Let the graph take from `weights` whatever it holds to the bit. Halves are cast when the
    graph is read, as its runtime computes in full numbers."""
    places = _places(weights)
    casts = []
    for held in graph.graph.initializer:
        values = numpy_helper.to_array(held)
        if values.nbytes <= _SMALL or (place := places.get(_key(values))) is None:
            continue
        if place.dtype != values.dtype:
            casts.append(_cast(held))
        _point(held, weights.name, place)
    _begin_with(graph, casts)


def halved(graph: onnx.ModelProto) -> None:
    """Let the graph hold in half precision whatever is the same in it, to the bit."""
    casts = []
    for held in graph.graph.initializer:
        values = numpy_helper.to_array(held)
        if values.nbytes <= _SMALL or values.dtype != np.float32:
            continue
        with np.errstate(over="ignore"):
            small = values.astype(np.float16)
        if np.array_equal(small.astype(np.float32), values):
            casts.append(_cast(held))
            held.CopyFrom(numpy_helper.from_array(small, held.name))
    _begin_with(graph, casts)


def _cast(held: onnx.TensorProto) -> onnx.NodeProto:
    """Gives what is held in fewer bits from now on its name and type."""
    name = held.name
    held.name = f"{name}.stored"
    return onnx.helper.make_node("Cast", [held.name], [name], name=name, to=held.data_type)


def _begin_with(graph: onnx.ModelProto, steps: list[onnx.NodeProto]) -> None:
    """Before all that use them: runtimes read steps in their order."""
    all_steps = [*steps, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(all_steps)


def _point(held: onnx.TensorProto, file: str, place: _Place) -> None:
    name, shape = held.name, tuple(held.dims)
    held.Clear()
    held.name = name
    held.dims.extend(shape)
    held.data_type = onnx.helper.np_dtype_to_tensor_dtype(place.dtype)
    held.data_location = onnx.TensorProto.EXTERNAL
    said = {"location": file, "offset": place.offset, "length": place.length}
    for key, value in said.items():
        held.external_data.add(key=key, value=str(value))


def _places(weights: Path) -> dict[bytes, _Place]:
    """Where the file holds what, by the values as a graph would hold them."""
    everything = np.memmap(weights, dtype=np.uint8, mode="r")
    start = 8 + int.from_bytes(bytes(everything[:8]), "little")
    header = json.loads(bytes(everything[8:start]))
    found = {}
    for name, said in header.items():
        if name == "__metadata__" or said["dtype"] not in _DTYPES:
            continue
        first, end = (start + offset for offset in said["data_offsets"])
        dtype: np.dtype[np.generic] = np.dtype(_DTYPES[said["dtype"]])
        values = np.frombuffer(everything[first:end].tobytes(), dtype).reshape(said["shape"])
        full = values.astype(np.float32) if dtype == np.float16 else values
        found[_key(full)] = _Place(offset=first, length=end - first, dtype=dtype)
    return found


def _key(values: Values) -> bytes:
    said = f"{values.dtype} {values.shape}".encode()
    return hashlib.sha256(said + np.ascontiguousarray(values).tobytes()).digest()
