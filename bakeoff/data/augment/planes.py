"""Between pictures as they are kept (uint8, B×H×W×3) and planes to compute on (B×3×H×W)."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["interleaved", "on", "planar"]


def planar(images: Tensor) -> Tensor:
    """Pictures as float planes, 0 to 255."""
    # Reordered as bytes and then widened: twenty times as fast as the other way round.
    return images.permute(0, 3, 1, 2).contiguous().float()


def interleaved(planes: Tensor) -> Tensor:
    """Float planes as pictures: rounded, and held between 0 and 255. Overwrites the planes."""
    bytes_ = planes.round_().clamp_(0, 255).to(torch.uint8)
    return bytes_.permute(0, 2, 3, 1).contiguous()


def on(device: torch.device, values: npt.NDArray[Any], dtype: torch.dtype) -> Tensor:
    """Small host arrays as tensors on `device`, without waiting for it."""
    return torch.from_numpy(values).to(dtype).to(device, non_blocking=True)
