"""How much memory is free."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from bakeoff.data.memory import free_memory

CPU = torch.device("cpu")


def system(root: Path, *, available: int | None, limit: str | None, used: int = 0) -> Path:
    """A made-up system with the files that tell of memory."""
    if available is not None:
        (root / "proc").mkdir()
        text = f"MemTotal: 99 kB\nMemAvailable:   {available} kB\n"
        (root / "proc/meminfo").write_text(text)
    if limit is not None:
        group = root / "sys/fs/cgroup"
        group.mkdir(parents=True)
        (group / "memory.max").write_text(f"{limit}\n")
        (group / "memory.current").write_text(f"{used}\n")
    return root


@pytest.mark.parametrize(
    ("available", "limit", "used", "free"),
    [
        (40, None, 0, 40 * 1024),
        (40, "max", 0, 40 * 1024),
        (40, "10000", 4000, 6000),
        (40, "100000", 4000, 40 * 1024),
        (40, "3000", 4000, 0),
    ],
    ids=["no limit", "limit max", "container smaller", "machine smaller", "over the limit"],
)
def test_free_memory_is_the_least_of_machine_and_container(
    tmp_path: Path, available: int, limit: str | None, used: int, free: int
) -> None:
    """A container's limit counts where it leaves less than the machine does."""
    assert free_memory(CPU, system(tmp_path, available=available, limit=limit, used=used)) == free


def test_half_of_all_memory_where_the_system_does_not_say(tmp_path: Path) -> None:
    """Without the files of Linux, half of the machine's memory is taken to be free."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert free_memory(CPU, system(tmp_path, available=None, limit=None)) == total // 2


def test_graphics_memory_is_asked_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU its own free memory counts and not the machine's."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (123, 456))
    assert free_memory(torch.device("cuda:0")) == 123
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 100)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 30)
    assert free_memory(torch.device("mps")) == 70
