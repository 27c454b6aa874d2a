"""What a sealed run's classifier costs to keep, to start and to ask: measured on this machine.

Times are of one machine at one moment, and noisy; each figure says what it was measured on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bakeoff.models.classifier import Classifier
from bakeoff.models.fitted import FittedHead
from bakeoff.runs.reopen import opened
from bakeoff.runs.run import Run
from bakeoff.training.device import Device, Precision, choose

__all__ = ["Cost", "first_answer", "measured"]

_SECONDS = 0.75
"""For each of latency and throughput, once warm; what takes longer is measured `_FEWEST` times."""

_FEWEST = 3
_MOST = 200
"""Repeats within those seconds."""

_BATCH = 64
_LARGE = 0.05
"""Seconds for one picture above which fewer are asked at once."""

_PATIENCE = 120.0
"""Seconds after which a process that does not answer is given up."""


_ANSWERED = "answered at"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The figures of one run."""

    parameters: int
    """Numbers that were learnt or published: a network's parameters, and what an estimator holds.
    """

    flops: int
    """Operations for one picture, two for each multiply-add; trees and neighbours' votes have none.
    """

    bytes: int
    """Of the weights on disk."""

    latency: float
    """Seconds from one picture in memory to its probabilities; the median."""

    throughput: float
    """Pictures in a second, asked many at once."""

    cold_start: float | None
    """Seconds from the start of a new process to its first answer; None where none came."""

    conditions: dict[str, str]
    """By figure, on what and how often it was measured."""


def measured(
    run: Run,
    *,
    classes: Sequence[str] | None = None,
    device: Device | None = None,
    cold: bool = True,
) -> Cost:
    """Measure a sealed run's classifier: a few seconds, and more where one answer takes long.

    `cold=False` leaves the new process out.
    """
    device = device or choose()
    device.apply()
    classifier = opened(run, classes=classes, device=device)
    side = run.recipe().preprocess.size
    assert side is not None, "sealed runs are settled"
    place = f"{device.place}, {str(device.dtype).removeprefix('torch.')}, {_threads(device)}"
    once = _times(classifier, device, count=1, side=side)
    count = _BATCH if median(once) < _LARGE else _BATCH // 4
    many = _times(classifier, device, count=count, side=side)
    start, how = _cold_start(run, device) if cold else (None, "not measured")
    return Cost(
        parameters=_parameters(classifier),
        flops=_flops(classifier, side),
        bytes=(run.path / "weights.safetensors").stat().st_size,
        latency=median(once),
        throughput=count / median(many),
        cold_start=start,
        conditions={
            "parameters": "counted",
            "flops": f"counted for one picture of {side}×{side} pixels",
            "bytes": "weights.safetensors",
            "latency": f"median of {len(once)} single pictures of {side}×{side} pixels, warm, by "
            f"torch on {place}",
            "throughput": f"median of {len(many)} batches of {count} pictures of {side}×{side} "
            f"pixels, warm, by torch on {place}",
            "cold_start": how,
        },
    )


def first_answer(path: str, place: str, precision: Precision) -> None:
    """What the new process does: open the run, and answer for one picture."""
    device = choose(place, precision=precision)
    device.apply()
    run = Run(path=Path(path))
    classifier = opened(run, device=device)
    side = run.recipe().preprocess.size
    assert side is not None, "sealed runs are settled"
    _asked(classifier, device, _pictures(1, side, device))()
    sys.stdout.write(f"{_ANSWERED} {time.time()}\n")


def _cold_start(run: Run, device: Device) -> tuple[float | None, str]:
    precision: Precision = "full" if device.dtype == torch.float32 else "fast"
    program = f"from {__name__} import first_answer; import sys; first_answer(*sys.argv[1:])"
    command = [sys.executable, "-c", program, str(run.path), str(device.place), precision]
    # The same package, wherever the process that asks found it.
    home = str(Path(__file__).parents[2])
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    # By the clock that both processes see.
    began = time.time()
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"a new process did not answer within {_PATIENCE:.0f} s"
    word, _, when = done.stdout.strip().rpartition(" ")
    if done.returncode != 0 or word != _ANSWERED:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return None, f"a new process did not answer: {last}"
    return float(when) - began, (
        f"one new process on {device.place}: import, open, answer for one picture; files may lie "
        "in memory already"
    )


def _times(classifier: Classifier, device: Device, *, count: int, side: int) -> list[float]:
    """Seconds that each of several answers for `count` pictures took, once the first are over."""
    ask = _asked(classifier, device, _pictures(count, side, device))
    # Kernels are set up and memory is taken in the first calls.
    for _ in range(2):
        ask()
    found: list[float] = []
    ends = time.perf_counter() + _SECONDS
    while len(found) < _FEWEST or (len(found) < _MOST and time.perf_counter() < ends):
        began = time.perf_counter()
        ask()
        found.append(time.perf_counter() - began)
    return found


def _asked(classifier: Classifier, device: Device, pictures: Tensor) -> Callable[[], Tensor]:
    def ask() -> Tensor:
        with torch.inference_mode(), device.autocast():
            # Fetched, so that a device has really answered.
            return classifier.probabilities(pictures.to(device.place)).cpu()

    return ask


def _pictures(count: int, side: int, device: Device) -> Tensor:
    """Noise: how long an answer takes does not depend on what is seen."""
    chance = torch.Generator().manual_seed(0)
    found = torch.randint(0, 256, (count, side, side, 3), generator=chance, dtype=torch.uint8)
    return found.pin_memory() if device.place.type == "cuda" else found


def _parameters(classifier: Classifier) -> int:
    held = sum(parameter.numel() for parameter in classifier.parameters())
    if isinstance(classifier.head, FittedHead):
        held += sum(tensor.numel() for tensor in classifier.head.state_dict().values())
    return held


def _flops(classifier: Classifier, side: int) -> int:
    picture = torch.zeros(1, side, side, 3, dtype=torch.uint8, device=classifier.factor.device)
    counter = FlopCounterMode(display=False)
    # By products that can be counted: some fused attentions are no operation to the counter.
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        classifier(picture)
    return int(counter.get_total_flops())


def _threads(device: Device) -> str:
    return "1 thread" if device.threads == 1 else f"{device.threads} threads"
