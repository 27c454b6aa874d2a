"""The choice of device, and what it does to the process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from bakeoff.spec.errors import SpecError
from bakeoff.training.device import choose, keep_freed_memory, noting_inexact


def machine(root: Path, flags: str = "fpu sse2", quota: str = "max 100000") -> Path:
    """A system that describes a processor and a limit of processor time."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/cpuinfo").write_text(f"model name\t: Some\nflags\t\t: {flags}\n")
    (root / "proc/self/cgroup").write_text("0::/outer/inner\n")
    (root / "sys/fs/cgroup/outer/inner").mkdir(parents=True)
    (root / "sys/fs/cgroup/outer/cpu.max").write_text(quota + "\n")
    return root


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16", "bf16"])
def test_bf16_where_the_processor_multiplies_it(tmp_path: Path, flag: str) -> None:
    """A processor with bf16 instructions gets bf16, and the reason names them."""
    device = choose("cpu", root=machine(tmp_path, f"fpu {flag}"))
    assert device.dtype == torch.bfloat16
    assert f"In bf16: the processor multiplies it ({flag})." in device.reasons


def test_fp32_elsewhere(tmp_path: Path) -> None:
    """A processor without, one that is not described, and a wish for full precision get fp32."""
    device = choose("cpu", root=machine(tmp_path, "fpu avx512f"))
    assert device.dtype == torch.float32
    assert "In fp32: the processor does not multiply bf16." in device.reasons
    assert choose("cpu", root=tmp_path / "nothing").dtype == torch.float32
    device = choose("cpu", precision="full", root=machine(tmp_path / "b", "avx512_bf16"))
    assert device.dtype == torch.float32
    assert "In fp32, as asked." in device.reasons


def test_threads_are_the_usable_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Affinity and the control groups above this process limit them; processes share them."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    free = machine(tmp_path / "a")
    assert choose("cpu", root=free).threads == 8
    assert (
        "With 8 threads: 8 of the machine's 16 usable processors."
        in choose("cpu", root=free).reasons
    )
    assert choose("cpu", root=machine(tmp_path / "b", quota="450000 100000")).threads == 4
    assert choose("cpu", root=machine(tmp_path / "c", quota="50000 100000")).threads == 1
    shared = choose("cpu", root=free, local_world=3)
    assert shared.threads == 2
    assert shared.reasons[2].endswith("usable processors, shared by 3 processes.")


def test_gpu_by_local_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best device is a GPU if there is one; each process takes its own; old ones use fp32."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Some GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda place: (8, 0))
    device = choose(local_rank=1)
    assert (device.place, device.dtype) == (torch.device("cuda", 1), torch.bfloat16)
    assert not device.keeps_memory
    assert device.reasons[:2] == (
        "On Some GPU (cuda:1).",
        "In bf16: compute capability 8.0 multiplies it.",
    )
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda place: (7, 5))
    assert choose("cuda").dtype == torch.float32
    with pytest.raises(SpecError) as caught:
        choose(local_rank=2)
    assert str(caught.value) == (
        "--device must be one of the 2 usable GPUs, counted from 0, but is 'cuda:2'. "
        "Use fewer processes on this machine, or another number."
    )


def test_refused_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is not there, and one that nobody knows, are refused."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SpecError) as caught:
        choose("cuda:0")
    assert str(caught.value) == (
        "--device must be a device that is usable here, and no NVIDIA GPU is, but is 'cuda:0'. "
        "`bakeoff doctor` says what is missing; leave --device out to use the CPU."
    )
    for name in ("tpu", "cpu:0", "cuda:x", "mps"):
        with pytest.raises(SpecError, match=r"must be cpu, cuda, cuda:N or mps, and usable here"):
            choose(name)
    assert "On the CPU: no GPU is usable." in choose().reasons


def test_apply_sets_the_process_up() -> None:
    """Threads are set whatever was inherited, memory is kept, operations repeat exactly."""
    code = (
        "import torch; from bakeoff.training.device import choose\n"
        "device = choose('cpu'); device.apply()\n"
        "assert torch.get_num_threads() == device.threads, torch.get_num_threads()\n"
        "assert torch.are_deterministic_algorithms_enabled()\n"
        "assert torch.is_deterministic_algorithms_warn_only_enabled()\n"
        "assert not torch.utils.deterministic.fill_uninitialized_memory\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_freed_memory_is_kept() -> None:
    """What a freed tensor took is given to the next one without being faulted in again."""
    code = (
        "import resource, torch\n"
        "from bakeoff.training.device import keep_freed_memory\n"
        "torch.set_num_threads(1)\n"
        "def faults():\n"
        "    for _ in range(10): torch.ones(2**24)\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(10): torch.ones(2**24)\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
        "faults(); assert keep_freed_memory(); faults()"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    default, kept = map(int, run.stdout.split())
    assert kept < default / 2


def test_without_glibc_nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another C library is left as it is, and no reason speaks of it."""
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()
    device = choose("cpu", root=machine(tmp_path))
    assert not device.keeps_memory
    assert len(device.reasons) == 3


def test_inexact_results_are_asked_for(tmp_path: Path) -> None:
    """Who gives up exactness is told so."""
    device = choose("cpu", deterministic=False, root=machine(tmp_path))
    assert device.reasons[-1] == (
        "Not exact, as asked: results may differ from run to run in the last bits."
    )
    device.apply()
    assert not torch.are_deterministic_algorithms_enabled()


def test_joint_norms_are_asked_for() -> None:
    """It is said, as all that steps depend on."""
    device = choose("cpu", joint_norms=True)
    assert device.joint_norms
    assert device.reasons[-1] == "Batch norms see the pictures of all processes, as asked."
    assert not choose("cpu").joint_norms


def test_int8_is_asked_for(tmp_path: Path) -> None:
    """Features are rounded to few levels only for who asks for it, and that is told."""
    root = machine(tmp_path)
    plain, asked = (choose("cpu", int8=int8, root=root) for int8 in (False, True))
    assert not plain.int8
    assert asked.int8
    told = set(asked.reasons) - set(plain.reasons)
    assert told == {"Features to learn from in int8 where they are as good, as asked."}


def test_autocast_makes_products_in_the_chosen_type(tmp_path: Path) -> None:
    """In the block products are bf16, or fp32 where that was chosen."""
    fast = choose("cpu", root=machine(tmp_path / "a", "avx512_bf16"))
    full = choose("cpu", root=machine(tmp_path / "b"))
    for device in (fast, full):
        net = device.laid_out(nn.Conv2d(3, 8, 3))
        assert net.weight.is_contiguous(memory_format=torch.channels_last)
        with device.autocast():
            assert net(torch.rand(2, 3, 8, 8)).dtype == device.dtype
        device.synchronise()


def test_inexact_operations_are_noted() -> None:
    """What torch cannot repeat is named once; other warnings are passed on."""
    found: set[str] = set()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with noting_inexact(found):
            for _ in range(2):
                warnings.warn(
                    "some_op_cuda does not have a deterministic implementation, but you set…",
                    stacklevel=1,
                )
            warnings.warn("something else", stacklevel=1)
        after = len(seen)
    assert found == {"some_op_cuda"}
    assert after == 1
    assert str(seen[0].message) == "something else"


def test_memory_held_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU all that the process held, on a GPU what was allocated there."""
    monkeypatch.setattr("bakeoff.data.machine.peak_memory", lambda: 7)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda place: 10 + place.index)
    cpu = choose("cpu")
    assert cpu.peak_memory() == 7
    assert replace(cpu, place=torch.device("cuda", 1)).peak_memory() == 11
