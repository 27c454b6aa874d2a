"""Where the arithmetic is done, in which numbers, on how many threads: chosen here, with reasons.

For processes that train or extract features and then end. What `apply` tells the allocator is
never taken back, so a server has no business here.
"""

from __future__ import annotations

import ctypes
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import nn

from bakeoff.data import machine
from bakeoff.spec.errors import SpecError

__all__ = ["Device", "Precision", "choose", "keep_freed_memory", "noting_inexact"]

Precision = Literal["fast", "full"]

M = TypeVar("M", bound=nn.Module)

_CUBLAS = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
"""With one workspace per stream cuBLAS adds up in the same order each time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """The choice."""

    place: torch.device

    dtype: torch.dtype
    """Of products and convolutions; weights and sums stay in fp32."""

    channels_last: bool
    threads: int

    deterministic: bool
    """Whether the same step gives the same bits again, for all operations that can."""

    keeps_memory: bool
    """Whether freed memory is kept for the next step."""

    reasons: tuple[str, ...]
    """Why, in sentences to print."""

    int8: bool = False
    """Whether features that heads learn from may be computed in int8."""

    joint_norms: bool = False
    """Whether batch norms take their statistics over all processes' pictures."""

    def apply(self) -> None:
        """Set this process up so. Before the first work on the device."""
        if self.keeps_memory:
            keep_freed_memory()
        torch.set_num_threads(self.threads)
        # Filling fresh memory with NaN would find a fault of torch's, at a price in every step.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(self.deterministic, warn_only=True)
        if self.place.type == "cuda":
            self._apply_cuda()

    def _apply_cuda(self) -> None:
        if self.deterministic:
            os.environ.setdefault(*_CUBLAS)
        torch.cuda.set_device(self.place)
        torch.backends.cudnn.deterministic = self.deterministic
        # Trying all algorithms and taking the fastest takes another one in another run.
        torch.backends.cudnn.benchmark = not self.deterministic
        full = self.dtype == torch.float32
        torch.set_float32_matmul_precision("highest" if full else "high")
        if full:
            torch.backends.cudnn.allow_tf32 = False

    def autocast(self) -> AbstractContextManager[object]:
        """A block in which products and convolutions are made in `dtype`."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.place.type, dtype=self.dtype)

    def laid_out(self, network: M) -> M:
        """The same network on the device, its filters in the order that is fastest there."""
        if not self.channels_last:
            return network.to(self.place)
        # torch's stubs know `memory_format` only for tensors.
        return network.to(self.place, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def synchronise(self) -> None:
        """Wait until all that was asked of the device is done."""
        if self.place.type == "cuda":
            torch.cuda.synchronize(self.place)
        elif self.place.type == "mps":
            torch.mps.synchronize()

    def peak_memory(self) -> int | None:
        """The most bytes this process has held at once: on the GPU, or all it has where that is
        the CPU. None where nobody says."""
        if self.place.type == "cuda":
            return torch.cuda.max_memory_allocated(self.place)
        if self.place.type == "mps":
            # Held now, not at most, which nobody counts.
            return torch.mps.driver_allocated_memory()
        return machine.peak_memory()


def choose(
    name: str | None = None,
    *,
    precision: Precision = "fast",
    int8: bool = False,
    joint_norms: bool = False,
    deterministic: bool = True,
    local_rank: int = 0,
    local_world: int = 1,
    root: Path = Path("/"),
) -> Device:
    """The device called `name`, or the best there is.

    `local_rank` of `local_world` processes on this machine is the one that asks: each takes a GPU
    of its own, or its share of the processors. `root` is where proc and sys are mounted.
    """
    place, why_place = _place(name, local_rank)
    dtype, why_dtype = _dtype(place, precision, root)
    threads, why_threads = _threads(local_world, root)
    glibc = place.type == "cpu" and platform.libc_ver()[0] == "glibc"
    reasons = [why_place, why_dtype, why_threads]
    if glibc:
        reasons.append("glibc keeps freed memory: large activations are allocated in every step.")
    if int8:
        reasons.append("Features to learn from in int8 where they are as good, as asked.")
    if joint_norms:
        reasons.append("Batch norms see the pictures of all processes, as asked.")
    if not deterministic:
        reasons.append("Not exact, as asked: results may differ from run to run in the last bits.")
    return Device(
        place=place,
        dtype=dtype,
        channels_last=place.type in ("cpu", "cuda"),
        threads=threads,
        deterministic=deterministic,
        keeps_memory=glibc,
        reasons=tuple(reasons),
        int8=int8,
        joint_norms=joint_norms,
    )


def _place(name: str | None, local_rank: int) -> tuple[torch.device, str]:
    if name is None:
        if torch.cuda.is_available():
            return _cuda(local_rank)
        if torch.backends.mps.is_available():
            return torch.device("mps"), "On the Apple GPU."
        return torch.device("cpu"), "On the CPU: no GPU is usable."
    kind, _, number = name.partition(":")
    if kind == "cuda" and (number.isdigit() or not number):
        if not torch.cuda.is_available():
            raise SpecError(
                "--device",
                "must be a device that is usable here, and no NVIDIA GPU is",
                name,
                "`bakeoff doctor` says what is missing; leave --device out to use the CPU.",
            )
        return _cuda(int(number) if number else local_rank)
    if name == "cpu":
        return torch.device("cpu"), "On the CPU, as asked."
    if name == "mps" and torch.backends.mps.is_available():
        return torch.device("mps"), "On the Apple GPU, as asked."
    raise SpecError("--device", "must be cpu, cuda, cuda:N or mps, and usable here", name)


def _cuda(index: int) -> tuple[torch.device, str]:
    count = torch.cuda.device_count()
    if index >= count:
        rule = f"must be one of the {count} usable GPUs, counted from 0"
        suggestion = "Use fewer processes on this machine, or another number."
        raise SpecError("--device", rule, f"cuda:{index}", suggestion)
    return torch.device("cuda", index), f"On {torch.cuda.get_device_name(index)} (cuda:{index})."


def _dtype(place: torch.device, precision: Precision, root: Path) -> tuple[torch.dtype, str]:
    if precision == "full":
        return torch.float32, "In fp32, as asked."
    if place.type == "cuda":
        major, minor = torch.cuda.get_device_capability(place)
        if major >= 8:
            return torch.bfloat16, f"In bf16: compute capability {major}.{minor} multiplies it."
        reason = f"In fp32: compute capability {major}.{minor} does not multiply bf16."
        return torch.float32, reason
    if place.type == "mps":
        return torch.float32, "In fp32: bf16 was not tried on Apple GPUs."
    found = machine.look(root).bf16
    if found:
        return torch.bfloat16, f"In bf16: the processor multiplies it ({', '.join(found)})."
    return torch.float32, "In fp32: the processor does not multiply bf16."


def _threads(local_world: int, root: Path) -> tuple[int, str]:
    found = machine.look(root)
    cores, in_all = found.cores, found.cores_in_all
    threads = max(1, cores // local_world)
    shared = f", shared by {local_world} processes" if local_world > 1 else ""
    held_back = "" if cores == in_all else f" of the machine's {in_all}"
    noun = "thread" if threads == 1 else "threads"
    return threads, f"With {threads} {noun}: {cores}{held_back} usable processors{shared}."


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory for the next allocation; whether it will.

    By default every large tensor is a fresh mapping, and its pages are faulted in one by one at
    each step: on large activations half of the time. In return the process never shrinks.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    trim_threshold, top_pad, mmap_max = -1, -2, -4
    wanted = ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 256 * 2**20))
    return all(mallopt(option, value) == 1 for option, value in wanted)


@contextmanager
def noting_inexact(found: set[str]) -> Iterator[None]:
    """Put into `found` what torch says, in this block, that it cannot repeat bit by bit.

    A run in which nothing was found is exact. Other warnings go where they always go.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=".*does not have a deterministic implementation")
        show = warnings.showwarning

        def noted(message: Warning | str, *rest: object, **named: object) -> None:
            text = str(message)
            if "does not have a deterministic implementation" in text:
                found.add(text.split(" does not have")[0].strip())
            else:
                show(message, *rest, **named)  # type: ignore[arg-type]

        warnings.showwarning = noted
        yield
