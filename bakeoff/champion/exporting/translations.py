"""Steps of a network that exporters would write otherwise than torch computes them, or in a way
that not every runtime reads: as means and products of matrices, which all do alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir
import torch
from onnxscript import opset18 as op
from torch import Tensor
from torch.nn import functional

__all__ = ["TRANSLATIONS"]

_Resize = Callable[[Tensor, tuple[int, int]], Tensor]


def _bilinear(planes: Any, output_size: Sequence[int], *_: Any) -> Any:
    return _resized(planes, output_size, "bilinear")


def _bicubic(planes: Any, output_size: Sequence[int], *_: Any) -> Any:
    return _resized(planes, output_size, "bicubic")


def _resized(planes: Any, wanted: Sequence[int], mode: str) -> Any:
    """Rows are mixed with rows and columns with columns, by the shares that torch takes of each."""

    def lines(eye: Tensor, size: tuple[int, int]) -> Tensor:
        return functional.interpolate(eye, size=size, mode=mode, antialias=True)

    return _mixed(planes, wanted, lines)


def _pooled(planes: Any, output_size: Sequence[int]) -> Any:
    """The mean of each part of a map. In torch it comes out in a layout of memory that exporters
    would go to lengths to imitate."""
    if all(size == 1 for size in output_size):
        return op.ReduceMean(planes, _constant(torch.tensor([2, 3])), keepdims=1)

    return _mixed(planes, output_size, functional.adaptive_avg_pool2d)


def _mixed(planes: Any, wanted: Sequence[int], resize: _Resize) -> Any:
    rows, columns = (
        _constant(_matrix(resize, int(have), int(want)).T)
        for have, want in zip(planes.shape[2:], wanted, strict=True)
    )
    # A constant on the right is one product for all planes; and OpenVINO takes factors of channels
    # that follow a product for factors of its columns, but not behind a turn.
    turned = op.Transpose(op.MatMul(planes, columns), perm=[0, 1, 3, 2])
    return op.Transpose(op.MatMul(turned, rows), perm=[0, 1, 3, 2])


def _matrix(resize: _Resize, have: int, want: int) -> Tensor:
    """What each of `have` lines gives to each of `want`: want × have."""
    # Columns stay; in each of them one line is lit.
    eye = torch.eye(have).view(1, 1, have, have)
    return resize(eye, (want, have))[0, 0]


def _constant(values: Tensor) -> Any:
    held: Any = ir.tensor(values.contiguous().numpy())
    return op.Constant(value=held)


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten._upsample_bilinear2d_aa.default: _bilinear,
    torch.ops.aten._upsample_bicubic2d_aa.default: _bicubic,
    torch.ops.aten.adaptive_avg_pool2d.default: _pooled,
}
"""By torch's names of the steps."""
