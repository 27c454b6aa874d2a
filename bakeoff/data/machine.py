"""What the machine has for us: processor, cores, memory. Limits of a container count."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "look", "peak_memory"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Sizes are in bytes; None where the system does not say."""

    processor: str
    cores: int
    """Those this process may use."""

    cores_in_all: int
    bf16: tuple[str, ...]
    """Flags of a processor that multiplies bf16 matrices; others only convert, which is slower
    than fp32."""

    memory: int | None
    free: int | None
    nvidia_driver: bool


def look(root: Path = Path("/")) -> Machine:
    """The machine as the files under `root` describe it."""
    info = _fields(root / "proc/cpuinfo")
    flags = set((info.get("flags") or info.get("Features") or "").split())
    in_all = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else in_all
    groups = _control_groups(root)
    memory, free = _memory(root, groups)
    return Machine(
        processor=info.get("model name") or platform.processor() or platform.machine(),
        cores=max(1, min([allowed, *_quotas(groups)])),
        cores_in_all=in_all,
        bf16=tuple(sorted(flags & {"amx_bf16", "avx512_bf16", "bf16"})),
        memory=memory,
        free=free,
        nvidia_driver=(root / "proc/driver/nvidia/version").exists(),
    )


def peak_memory(root: Path = Path("/")) -> int | None:
    """The most bytes of memory this process has held at once; None where the system is silent."""
    # Not getrusage, which starts from what the parent held.
    return _kilobytes(_fields(root / "proc/self/status").get("VmHWM", ""))


def _fields(path: Path) -> dict[str, str]:
    """The first `name: value` of each name in a file of the system's."""
    found: dict[str, str] = {}
    for line in _read(path).splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _control_groups(root: Path) -> list[Path]:
    """Folders of the control groups this process is in, its own first: each may set a limit."""
    base = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            own = base / line[3:].lstrip("/")
            return [own, *(folder for folder in own.parents if folder.is_relative_to(base))]
    return [base]


def _quotas(groups: list[Path]) -> list[int]:
    found = []
    for folder in groups:
        words = _read(folder / "cpu.max").split()
        if len(words) == 2 and words[0].isdigit():
            # A part of a core still runs one thread.
            found.append(max(1, int(words[0]) // int(words[1])))
    return found


def _memory(root: Path, groups: list[Path]) -> tuple[int | None, int | None]:
    info = _fields(root / "proc/meminfo")
    total, free = (_kilobytes(info.get(name, "")) for name in ("MemTotal", "MemAvailable"))
    if total is None and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for folder in groups:
        limit, used = _read(folder / "memory.max").strip(), _read(folder / "memory.current").strip()
        if limit.isdigit():
            total = min(int(limit), total or int(limit))
            if used.isdigit():
                left = max(0, int(limit) - int(used))
                free = left if free is None else min(free, left)
    return total, free


def _kilobytes(text: str) -> int | None:
    words = text.split()
    return int(words[0]) * 1024 if words and words[0].isdigit() else None
