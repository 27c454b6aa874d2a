"""Each row of a table as stock Keras layers, with the weights that were trained.

Nothing is left to Keras's settings: a user's file may have them prefer channels first or halves,
and the same model has to come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.models.shapes import Shape
from bakeoff.models.table import Line
from bakeoff.spec.network import (
    Activation,
    Attention,
    AvgPool,
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalPool,
    LayerNorm,
    MaxPool,
    Positions,
    Residual,
    Scale,
    Whiten,
)

__all__ = ["Rows", "State"]

State = Mapping[str, npt.NDArray[Any]]
"""Weights by the names that `models.build` gives them."""

_LAST: dict[str, str] = {"data_format": "channels_last"}

_START = "truncated_normal"
"""Of weights that are replaced at once. Keras's own choices are written down differently by each
release, and older ones would not open the file."""


class Rows:
    """Lays rows on tensors of a Keras graph."""

    def __init__(self, layers: Any, state: State) -> None:
        self.layers = layers
        """`keras.layers`."""
        self.state = state

    def sequence(self, lines: tuple[Line, ...], values: Any, *, prefix: str = "") -> Any:
        """What `lines` make of `values`. `prefix` is the place of the lines among the weights."""
        for place, line in enumerate(lines, start=1):
            name = f"{prefix}{type(line.row).__name__.lower()}{place}"
            values = self._row(line, name, values)
            function = getattr(line.row, "activation", "none")
            if function != "none":
                values = self._nonlinear(function, f"{name}_{function}", values)
        return values

    def put(self, kind: str, name: str, values: Any, *weights: npt.NDArray[Any], **how: Any) -> Any:
        """What one layer makes of `values` once it has these weights."""
        maker = getattr(self.layers, kind)
        layer = maker(name=name.replace(".", "_"), dtype="float32", **how)
        result = layer(values)
        if weights:
            layer.set_weights([np.asarray(weight, np.float32) for weight in weights])
        return result

    def _row(self, line: Line, name: str, values: Any) -> Any:
        row = line.row
        match row:
            case Conv():
                return self._conv(row, line.inputs[0], name, values)
            case Whiten():
                return self._whiten(row, line.output[0], name, values)
            case Dense() | Classes():
                return self._dense(row, line.output[0], name, values)
            case BatchNorm():
                return self._batch_norm(row, name, values)
            case Attention():
                return self._attention(row, line.inputs, name, values)
            case Positions():
                return self._positions(line.inputs, name, values)
            case Residual():
                return self._residual(line, row, name, values)
            case LayerNorm():
                weights = self._weights(name, "weight", "bias")
                how = {"axis": -1, "epsilon": row.epsilon}
                return self.put("LayerNormalization", name, values, *weights, **how)
            case Scale():
                return self._scale(line.inputs, name, values)
            case Flatten():
                return self._flatten(line.inputs, name, values)
            case _:
                return self._plain(row, name, values)

    def _plain(self, row: Any, name: str, values: Any) -> Any:
        """Rows without weights."""
        match row:
            case Activation():
                return self._nonlinear(row.function, name, values)
            case MaxPool() | AvgPool():
                kind = "MaxPooling2D" if isinstance(row, MaxPool) else "AveragePooling2D"
                how = {"pool_size": row.size, "strides": row.size, "padding": "valid"}
                return self.put(kind, name, values, **how, **_LAST)
            case GlobalPool():
                kind = "Average" if row.mode == "mean" else "Max"
                return self.put(f"Global{kind}Pooling2D", name, values, **_LAST)
            case _:
                assert isinstance(row, Dropout), f"no layer is known for {type(row).__name__}"
                return self.put("Dropout", name, values, rate=row.rate)

    def _weights(self, name: str, *parts: str) -> tuple[npt.NDArray[Any], ...]:
        return tuple(self.state[f"{name}.{part}"] for part in parts)

    def _nonlinear(self, function: str, name: str, values: Any) -> Any:
        # At alpha 1 both are the same function, and older Keras has no CELU.
        function = "elu" if function == "celu" else function
        return self.put("Activation", name, values, activation=function)

    def _conv(self, row: Conv, channels: int, name: str, values: Any) -> Any:
        padding = row.padding
        if padding == "same" and row.stride > 1 and row.kernel > 1:
            # Keras pads a strided convolution by its stride, PyTorch never does.
            edges = ((row.kernel - 1) // 2, row.kernel // 2)
            values = self.put(
                "ZeroPadding2D", f"{name}_pad", values, padding=(edges, edges), **_LAST
            )
            padding = "valid"
        (kernel,) = self._weights(name, "weight")
        bias = self._weights(name, "bias") if row.bias else ()
        how = {
            "kernel_size": row.kernel,
            "strides": row.stride,
            "padding": padding,
            "use_bias": row.bias,
            **_LAST,
        }
        if row.groups == channels > 1:
            # The same as groups of one, and known to every backend on every device.
            each = row.width // channels
            kernel = kernel.reshape(channels, each, row.kernel, row.kernel).transpose(2, 3, 0, 1)
            how |= {"depth_multiplier": each, "depthwise_initializer": _START}
            return self.put("DepthwiseConv2D", name, values, kernel, *bias, **how)
        kernel = kernel.transpose(2, 3, 1, 0)
        how |= {"filters": row.width, "groups": row.groups, "kernel_initializer": _START}
        return self.put("Conv2D", name, values, kernel, *bias, **how)

    def _whiten(self, row: Whiten, filters: int, name: str, values: Any) -> Any:
        kernel, bias = self._weights(name, "filters", "bias")
        how = {
            "filters": filters,
            "kernel_size": row.kernel,
            "padding": "valid",
            "kernel_initializer": _START,
            "trainable": False,
            **_LAST,
        }
        return self.put("Conv2D", name, values, kernel.transpose(2, 3, 1, 0), bias, **how)

    def _dense(self, row: Dense | Classes, units: int, name: str, values: Any) -> Any:
        (kernel,) = self._weights(name, "weight")
        bias = self._weights(name, "bias") if row.bias else ()
        how = {"units": units, "use_bias": row.bias, "kernel_initializer": _START}
        made = self.put("Dense", name, values, kernel.T, *bias, **how)
        factor = row.scale if isinstance(row, Classes) else 1.0
        return self.put("Rescaling", f"{name}_factor", made, scale=factor) if factor != 1 else made

    def _batch_norm(self, row: BatchNorm, name: str, values: Any) -> Any:
        parts = ("weight", "bias") if row.scale else ("bias",)
        weights = self._weights(name, *parts, "running_mean", "running_var")
        # Keras's momentum is the share that stays.
        how = {"momentum": 1 - row.momentum, "epsilon": row.epsilon, "scale": row.scale, "axis": -1}
        return self.put("BatchNormalization", name, values, *weights, **how)

    def _scale(self, shape: Shape, name: str, values: Any) -> Any:
        # Keras has no layer of factors alone; this einsum is one, with as many weights.
        (factors,) = self._weights(name, "weight")
        axes = "bhwc" if len(shape) == 3 else "bc"
        how: dict[str, Any] = {"equation": f"{axes},c->{axes}", "output_shape": _turned(shape)}
        how["kernel_initializer"] = "ones"
        return self.put("EinsumDense", name, values, factors.reshape(-1), **how)

    def _flatten(self, shape: Shape, name: str, values: Any) -> Any:
        if prod(shape[1:]) > 1:
            # Channels first, as the weights of all that follows are ordered.
            values = self.put("Permute", f"{name}_order", values, dims=(3, 1, 2))
        return self.put("Flatten", name, values, **_LAST)

    def _positions(self, shape: Shape, name: str, values: Any) -> Any:
        """An embedding of each place's number. A graph has nothing but its input to begin at, so
        the numbers are one channel of the values, times 0, plus the numbers."""
        channels, places = shape[0], prod(shape[1:])
        (vectors,) = self._weights(name, "weight")
        rows = self.put("Reshape", f"{name}_list", values, target_shape=(places, channels))
        planes = self.put("Permute", f"{name}_planes", rows, dims=(2, 1))
        first = self.put("Cropping1D", f"{name}_first", planes, cropping=(0, channels - 1))
        first = self.put("Reshape", f"{name}_flat", first, target_shape=(places,))
        how: dict[str, Any] = {"scale": 0.0, "offset": [float(place) for place in range(places)]}
        numbers = self.put("Rescaling", f"{name}_numbers", first, **how)
        table = vectors.reshape(channels, places).T
        how = {"input_dim": places, "output_dim": channels}
        added = self.put("Embedding", f"{name}_vectors", numbers, table, **how)
        added = self.put("Reshape", f"{name}_map", added, target_shape=_turned(shape))
        return self.put("Add", name, [values, added])

    def _attention(self, row: Attention, shape: Shape, name: str, values: Any) -> Any:
        channels, each = shape[0], shape[0] // row.heads
        weight, bias, mix, mixed = self._weights(
            name, "gather.weight", "gather.bias", "mix.weight", "mix.bias"
        )
        weights: list[npt.NDArray[Any]] = []
        for part in range(3):
            chosen = slice(part * channels, (part + 1) * channels)
            weights.append(weight[chosen].T.reshape(channels, row.heads, each))
            weights.append(bias[chosen].reshape(row.heads, each))
        weights += [mix.T.reshape(row.heads, each, channels), mixed]
        places = self.put("Reshape", f"{name}_list", values, target_shape=(-1, channels))
        attend = self.layers.MultiHeadAttention(
            num_heads=row.heads,
            key_dim=each,
            kernel_initializer=_START,
            dtype="float32",
            name=name.replace(".", "_"),
        )
        found = attend(places, places)
        attend.set_weights([np.asarray(part, np.float32) for part in weights])
        return self.put("Reshape", f"{name}_map", found, target_shape=_turned(shape))

    def _residual(self, line: Line, row: Residual, name: str, values: Any) -> Any:
        change = self.sequence(line.body, values, prefix=f"{name}.body.")
        if row.drop:
            # Whole pictures at a time; what is left is raised so that the mean stays.
            shape = (None,) + (1,) * len(line.output)
            how = {"rate": row.drop, "noise_shape": shape}
            change = self.put("Dropout", f"{name}_drop", change, **how)
        way = self.sequence(line.shortcut, values, prefix=f"{name}.shortcut.")
        return self.put("Add", name, [way, change])


def _turned(shape: Shape) -> Shape:
    """A map's shape with the channels last."""
    return (*shape[1:], shape[0])
