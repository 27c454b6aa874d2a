"""How much memory is free, here and on the device."""

from __future__ import annotations

from pathlib import Path

import torch

from bakeoff.data import machine

__all__ = ["free_memory"]


def free_memory(device: torch.device, system: Path = Path("/")) -> int:
    """Bytes that can still be taken on `device`; `system` is where proc and sys are mounted."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    found = machine.look(system)
    if found.free is not None:
        return found.free
    # Not said outside Linux: half of all there is, as the rest may be in use.
    assert found.memory is not None
    return found.memory // 2
