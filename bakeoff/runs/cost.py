"""What a sealed run's classifier costs to keep, to start and to ask: measured on this machine.

Times are of one machine; each figure says on what it was measured, and whether it came out alike
when measured again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bakeoff.models.classifier import Classifier
from bakeoff.models.fitted import FittedHead
from bakeoff.runs.reopen import opened
from bakeoff.runs.run import Run
from bakeoff.runs.start import starting
from bakeoff.runs.timing import Spread, Timing, timed
from bakeoff.training.device import Device, choose

__all__ = ["Cost", "measured"]

_SECONDS = 0.25
"""For each of latency and throughput and each number of threads, once warm."""

_BATCH = 64
_LARGE = 0.05
"""Seconds for one picture above which fewer are asked at once."""


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
    """Seconds from one picture in memory to its probabilities, undisturbed."""

    throughput: float
    """Pictures in a second, asked many at once."""

    cold_start: float | None
    """Seconds from the start of a new process to its first answer; None where none came."""

    spread: dict[str, Spread] = field(default_factory=dict)
    """Of latency and throughput: whether they came out alike when measured again."""

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
    side = run.recipe().preprocess.size
    assert side is not None, "sealed runs are settled"
    classifier, first = _asking(run, classes, device, side)
    once = timed(_asked(classifier, device, _pictures(1, side, device)), device, seconds=_SECONDS)
    count = _BATCH if once.seconds < _LARGE else _BATCH // 4
    pictures = _pictures(count, side, device)
    many = timed(_asked(classifier, device, pictures), device, seconds=_SECONDS)
    start, how = _cold_start(run, device, first) if cold else (None, "not measured")
    return Cost(
        parameters=_parameters(classifier),
        flops=_flops(classifier, side),
        bytes=(run.path / "weights.safetensors").stat().st_size,
        latency=once.seconds,
        throughput=count / many.seconds,
        cold_start=start,
        spread={"latency": once.spread, "throughput": many.spread},
        conditions={
            "parameters": "counted",
            "flops": f"counted for one picture of {side}×{side} pixels",
            "bytes": "weights.safetensors",
            "latency": _how(once, f"single pictures of {side}×{side} pixels", device),
            "throughput": _how(
                many, f"batches of {count} pictures of {side}×{side} pixels", device
            ),
            "cold_start": how,
        },
    )


def _asking(
    run: Run, classes: Sequence[str] | None, device: Device, side: int
) -> tuple[Classifier, float]:
    """The classifier, and the seconds that opening it and its first answer took."""
    began, worked = time.perf_counter(), time.process_time()
    classifier = opened(run, classes=classes, device=device)
    _asked(classifier, device, _pictures(1, side, device))()
    took, worked = time.perf_counter() - began, time.process_time() - worked
    return classifier, min(took, worked) if device.place.type == "cpu" else took


def _cold_start(run: Run, device: Device, first: float) -> tuple[float | None, str]:
    network = run.recipe().network
    start = starting(device, backbone=getattr(network, "backbone", None) is not None)
    if start.seconds is None:
        return None, start.trouble
    return start.seconds + first, (
        f"{start.seconds:.2f} s for a new process on {device.place} to import all that is needed, "
        f"measured once for all contenders, and {first:.2f} s to open this one and answer "
        "for one picture, measured in a process that was running; files may lie in memory already"
    )


def _how(timing: Timing, what: str, device: Device) -> str:
    """On what and how often something was timed."""
    dtype = str(device.dtype).removeprefix("torch.")
    threads = "1 thread" if timing.threads == 1 else f"{timing.threads} threads"
    others = ", which were faster than one" if timing.threads > 1 else ""
    if timing.threads < device.threads:
        others = f", which was faster than {device.threads}"
    return (
        f"median of the best of {timing.bursts} bursts, {timing.calls} {what} in all, warm, by "
        f"torch on {device.place}, {dtype}, {threads}{others}"
        + ("; bursts did not agree" if timing.spread == "high" else "")
        + ("; the machine was busy with other work" if timing.busy else "")
    )


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
