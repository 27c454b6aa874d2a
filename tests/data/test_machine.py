"""What the machine has, read from files of a made-up one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.data import machine


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)), raising=False)


def write(root: Path, name: str, text: str) -> None:
    """A file of the made-up machine."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_bare_machine(tmp_path: Path) -> None:
    """Processor, cores, memory and driver come from where Linux tells them."""
    write(tmp_path, "proc/cpuinfo", "model name\t: Fast One\nflags\t: sse avx512_bf16 amx_bf16\n")
    write(tmp_path, "proc/meminfo", "MemTotal: 2000 kB\nMemAvailable: 1500 kB\n")
    write(tmp_path, "proc/driver/nvidia/version", "560")
    assert machine.look(tmp_path) == machine.Machine(
        processor="Fast One",
        cores=6,
        cores_in_all=8,
        bf16=("amx_bf16", "avx512_bf16"),
        memory=2_048_000,
        free=1_536_000,
        nvidia_driver=True,
    )


def test_a_container_has_less(tmp_path: Path) -> None:
    """The tightest limit of the control groups above this process counts."""
    write(tmp_path, "proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 7000000 kB\n")
    write(tmp_path, "proc/self/cgroup", "0::/pod/box\n")
    write(tmp_path, "sys/fs/cgroup/pod/cpu.max", "250000 100000\n")
    write(tmp_path, "sys/fs/cgroup/pod/box/cpu.max", "max 100000\n")
    write(tmp_path, "sys/fs/cgroup/pod/box/memory.max", "1000000\n")
    write(tmp_path, "sys/fs/cgroup/pod/box/memory.current", "400000\n")
    found = machine.look(tmp_path)
    assert (found.cores, found.memory, found.free) == (2, 1_000_000, 600_000)


def test_less_than_a_core_is_one(tmp_path: Path) -> None:
    """Half a core still runs one thread."""
    write(tmp_path, "sys/fs/cgroup/cpu.max", "50000 100000\n")
    assert machine.look(tmp_path).cores == 1


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    """Where the system tells nothing, nothing is invented."""
    found = machine.look(tmp_path)
    assert (found.cores, found.bf16, found.free, found.nvidia_driver) == (6, (), None, False)
    assert found.processor


def test_memory_held_at_most(tmp_path: Path) -> None:
    """The high-water mark of the process, not what it holds now; None on a system without one."""
    write(tmp_path, "proc/self/status", "Name:\tx\nVmHWM:\t    300 kB\nVmRSS:\t    200 kB\n")
    assert machine.peak_memory(tmp_path) == 307_200
    assert machine.peak_memory(tmp_path / "none") is None
