"""How much memory is free, here and on the device."""

from __future__ import annotations

import os
from pathlib import Path

import torch

__all__ = ["free_memory"]


def free_memory(device: torch.device, system: Path = Path("/")) -> int:
    """Bytes that can still be taken on `device`; `system` is where proc and sys are mounted."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return min(_machine(system), _container(system))


def _machine(system: Path) -> int:
    try:
        lines = (system / "proc/meminfo").read_text().splitlines()
    except OSError:
        # No such file outside Linux: half of all there is, as the rest may be in use.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    sizes = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    return int(sizes["MemAvailable"].split()[0]) * 1024


def _container(system: Path) -> int:
    """What a container's limit leaves, which the machine's own figures do not show."""
    group = system / "sys/fs/cgroup"
    try:
        limit = int((group / "memory.max").read_text())
        return max(limit - int((group / "memory.current").read_text()), 0)
    except (OSError, ValueError):  # no limit: the file is missing, or says "max"
        return 2**63 - 1
