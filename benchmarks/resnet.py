"""ResNet-18 for small pictures through the engine, beside a bare loop.

    python benchmarks/resnet.py [--batch 128] [--rounds 12] [--threads 1]

The engine trains the shipped recipe `resnet18-small` on made pictures of 32 pixels: batches drawn
and changed at random, schedule, label smoothing, moving average, a look at the loss. The bare loop
calls forward, backward and step on one batch that is ready in memory, with the same numbers,
layout, threads and optimiser. They take turns in one process, some steps each; what counts is the
ratio of pictures in a second, by the clock and by processor time. Beside other work only one
thread tells anything: several wait for each other, and burn processor time as they do.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from bakeoff.models.classifier import Classifier, assemble
from bakeoff.recipes import get
from bakeoff.recipes.adapt import adapted
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Network
from bakeoff.spec.training import SGD, Stage
from bakeoff.training.device import Device, choose
from bakeoff.training.engine import Job, train
from bakeoff.training.events import Stepped
from bakeoff.training.material import Material

SIDE, CLASSES = 32, 10
TRAIN, VAL = 20_000, 100
PREPROCESS = Preprocess(size=SIDE, mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26))

Took = tuple[int, float, float]
"""Pictures, seconds on the clock and of processor time."""


def clocked(work: Callable[[], int]) -> Took:
    """What some work took that says how many pictures it was."""
    wall, cpu = time.perf_counter(), _cpu()
    pictures = work()
    return pictures, time.perf_counter() - wall, _cpu() - cpu


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def material() -> Material:
    """Noise; its classes mean nothing."""
    chance = np.random.default_rng(0)
    return Material(
        pictures=chance.integers(0, 256, (TRAIN + VAL, SIDE, SIDE, 3), dtype=np.uint8),
        labels=chance.integers(0, CLASSES, TRAIN + VAL),
        train=np.arange(TRAIN),
        val=np.arange(TRAIN, TRAIN + VAL),
        classes=CLASSES,
        digest="noise",
    )


def classifier(network: Network, device: Device) -> Classifier:
    """The network of both."""
    made = assemble(network, PREPROCESS, classes=CLASSES, seed=0)
    return device.laid_out(made)


def engine(job: Job) -> Iterator[Took]:
    """What each piece of the engine's work took, from one report of its loss to the next."""
    events = train(job)

    def piece() -> int:
        return next(event.pictures for event in events if isinstance(event, Stepped))

    while True:
        yield clocked(piece)


def bare(network: Network, stage: Stage, device: Device, pictures: Material) -> Callable[[], int]:
    """One step on the one batch."""
    net = classifier(network, device).train()
    assert isinstance(stage.optimiser, SGD)
    spec = stage.optimiser
    updates = torch.optim.SGD(
        net.parameters(),
        lr=spec.rate,
        momentum=spec.momentum,
        nesterov=spec.nesterov,
        weight_decay=spec.weight_decay,
        fused=True,
    )
    planes = net.normalised(torch.from_numpy(pictures.pictures[: stage.batch]))
    targets = torch.from_numpy(pictures.labels[: stage.batch])

    def step() -> int:
        updates.zero_grad()
        with device.autocast():
            scores = net.head(planes)
        smoothing = stage.label_smoothing
        loss = functional.cross_entropy(scores.float(), targets, label_smoothing=smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        updates.step()
        return stage.batch

    return step


def several(step: Callable[[], int], times: int) -> int:
    """As many steps as the engine has just done."""
    return sum(step() for _ in range(times))


def main() -> None:
    """Print each round, and the medians."""
    parser = argparse.ArgumentParser(description="ResNet-18 through the engine and bare.")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    recipe = adapted(get("resnet18-small"), size=SIDE)
    assert isinstance(recipe.network, Network)
    stage = replace(recipe.stages[0], batch=options.batch)
    device, pictures = choose("cpu"), material()
    device = replace(device, threads=options.threads or device.threads)
    device.apply()
    job = Job(
        classifier=classifier(recipe.network, device),
        stages=(stage,),
        augment=recipe.augment,
        material=pictures,
        device=device,
    )
    ours = engine(job)
    step = bare(recipe.network, stage, device, pictures)
    for _ in range(3):
        next(ours)
        step()
    ratios = []
    for _ in range(options.rounds):
        count, wall, cpu = next(ours)
        others, wall_bare, cpu_bare = clocked(partial(several, step, count // options.batch))
        ratios.append((count * wall_bare / others / wall, count * cpu_bare / others / cpu))
        print(f"  {count / wall:.0f} pictures/s against {others / wall_bare:.0f}")
    by_clock, by_cpu = zip(*ratios, strict=True)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"batch {options.batch}, {device.threads} threads, {options.rounds} rounds, load {load}")
    print(f"engine / bare loop: {spread(by_clock)} by the clock, {spread(by_cpu)} by processor")


def spread(ratios: tuple[float, ...]) -> str:
    """Median, and from where to where."""
    return f"{statistics.median(ratios):.0%} ({min(ratios):.0%} to {max(ratios):.0%})"


if __name__ == "__main__":
    main()
