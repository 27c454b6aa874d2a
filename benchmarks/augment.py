"""Augmentation of whole batches, beside kornia and torchvision where they are installed.

    python benchmarks/augment.py [--size 32] [--batch 512] [--threads 2] [--rounds 7]

Prints pictures per second and microseconds of processor time per picture, each the median of the
rounds; in a round all contestants take turns, so that a busy machine slows them alike. kornia is
given float planes, and neither making those nor rounding back is counted against it.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bakeoff.data.augment import augment
from bakeoff.data.batches import Batches
from bakeoff.data.draws import Draws
from bakeoff.models.torchvision_guard import import_torchvision
from bakeoff.spec.image import Augment

Contestant = tuple[str, str, int, Callable[[], object]]
"""Task, who, pictures per call, call."""

TASKS: dict[str, Augment] = {
    "flip+crop": Augment(flip="random", crop=4),
    "affine": Augment(rotation=15, zoom=0.1, shift=0.1, shear=10),
    "colour": Augment(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
    "trivial": Augment(trivial=True),
    "cutout": Augment(cutout=8),
    "mixup": Augment(mixup=0.2),
    "cutmix": Augment(cutmix=1.0),
}


def ours(images: Tensor, labels: Tensor) -> Iterator[Contestant]:
    """Each task, and flip and crop once more through `Batches`, fetching included."""
    count, epochs = len(images), itertools.count()
    for task, spec in TASKS.items():

        def call(spec: Augment = spec) -> object:
            draws = Draws(seed=0, epoch=next(epochs), step=0, first=0, indices=np.arange(count))
            return augment(images, labels, spec, draws, classes=10)

        yield task, "bakeoff", count, call
    for name, resident in (("resident", True), ("read ahead", False)):
        batches = Batches(
            images=np.tile(images.numpy(), (8, 1, 1, 1)),
            labels=np.tile(labels.numpy(), 8),
            indices=np.arange(8 * count),
            part="train",
            classes=10,
            batch=count,
            augment=TASKS["flip+crop"],
            shuffle=True,
            resident=resident,
        )
        yield (
            "flip+crop",
            f"bakeoff, {name}",
            8 * count,
            partial(list_epoch, batches),
        )


def list_epoch(batches: Batches) -> list[object]:
    """All batches of an epoch."""
    return list(batches.epoch(0))


def each(transform: Callable[[Tensor], object], pictures: list[Tensor]) -> list[object]:
    """A transform called for one picture after another."""
    return [transform(picture) for picture in pictures]


def plain(images: Tensor) -> Iterator[Contestant]:
    """Flip and crop as one advanced index over rows and columns of the padded batch."""
    count, size = images.shape[:2]
    padded = torch.nn.functional.pad(images.permute(0, 3, 1, 2).float(), (4,) * 4, mode="reflect")
    padded = padded.to(torch.uint8).permute(0, 2, 3, 1).contiguous()

    def call() -> Tensor:
        corner = torch.randint(0, 9, (2, count, 1))
        rows = corner[0] + torch.arange(size)
        columns = corner[1] + torch.arange(size)
        columns = torch.where(torch.rand(count, 1) < 0.5, columns, columns.flip(1))
        return padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None]]

    yield "flip+crop", "plain gather", count, call


def kornia(images: Tensor) -> Iterator[Contestant]:
    """kornia's batched layers."""
    layers = importlib.import_module("kornia.augmentation")
    auto = importlib.import_module("kornia.augmentation.auto")
    planes = (images.permute(0, 3, 1, 2).float() / 255).contiguous()
    size = images.shape[1]
    crop = layers.RandomCrop((size, size), padding=4, padding_mode="reflect", cropping_mode="slice")
    affine = layers.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10, padding_mode="reflection", p=1.0)
    made: dict[str, Callable[[Tensor], object]] = {
        "flip+crop": torch.nn.Sequential(layers.RandomHorizontalFlip(), crop),
        "affine": affine,
        "colour": layers.ColorJiggle(0.2, 0.2, 0.2, 0.1, p=1.0),
        "trivial": auto.TrivialAugment(),
        "cutout": layers.RandomErasing(scale=(1 / 16, 1 / 16), ratio=(1.0, 1.0), p=1.0),
    }
    for task, layer in made.items():
        yield task, "kornia", len(images), partial(layer, planes)


def torchvision(images: Tensor) -> Iterator[Contestant]:
    """torchvision's transforms, called for one picture after another."""
    import_torchvision()
    v2 = importlib.import_module("torchvision.transforms.v2")
    pictures = list(images[:128].permute(0, 3, 1, 2).contiguous())
    size = images.shape[1]
    crop = v2.RandomCrop(size, padding=4, padding_mode="reflect")
    made: dict[str, Callable[[Tensor], object]] = {
        "flip+crop": v2.Compose([v2.RandomHorizontalFlip(), crop]),
        "affine": v2.RandomAffine(
            15, (0.1, 0.1), (0.9, 1.1), 10, interpolation=v2.InterpolationMode.BILINEAR
        ),
        "colour": v2.ColorJitter(0.2, 0.2, 0.2, 0.1),
        "trivial": v2.TrivialAugmentWide(),
        "cutout": v2.RandomErasing(1.0, (1 / 16, 1 / 16), (1.0, 1.0)),
    }
    for task, transform in made.items():
        yield (
            task,
            "torchvision, each",
            len(pictures),
            partial(each, transform, pictures),
        )


def installed(name: str) -> ModuleType | None:
    """The module, or None and a line about it."""
    try:
        return import_torchvision() if name == "torchvision" else importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: left out")
        return None


def operations_in_one_batch() -> None:
    """How many of kornia's TrivialAugment operations meet in a batch."""
    trivial: Any = importlib.import_module("kornia.augmentation.auto").TrivialAugment()
    one = torch.rand(1, 3, 32, 32).repeat(64, 1, 1, 1)
    counts = []
    for _ in range(20):
        trivial(one)
        counts.append(len(trivial._params))
    print(f"kornia's TrivialAugment: operations per batch of 64, over 20 batches: {set(counts)}")


def timed(count: int, call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of clock and of processor per picture, over about 0.1 s."""
    calls, wall, cpu = 0, time.perf_counter(), time.process_time()
    while calls == 0 or time.perf_counter() - wall < 0.1:
        call()
        calls += 1
    seen = calls * count
    return (time.perf_counter() - wall) / seen, (time.process_time() - cpu) / seen


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    shape = (options.batch, options.size, options.size, 3)
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    entered = [*ours(images, torch.randint(0, 10, (options.batch,))), *plain(images)]
    for name, rival in (("torchvision", torchvision), ("kornia", kornia)):
        if installed(name) is not None:
            entered += rival(images)
    for _, _, _, call in entered:
        call()
    rounds = [[timed(count, call) for _, _, count, call in entered] for _ in range(options.rounds)]
    print(
        f"{options.size}×{options.size}, batch {options.batch}, {options.threads} threads, ", end=""
    )
    print(f"torch {torch.__version__}, median of {options.rounds} rounds")
    for number in sorted(range(len(entered)), key=lambda n: list(TASKS).index(entered[n][0])):
        task, who = entered[number][:2]
        wall, cpu = (median(taken[number][which] for taken in rounds) for which in (0, 1))
        print(f"{task:10} {who:20} {1 / wall:11,.0f} pictures/s {cpu * 1e6:9.2f} µs of processor")
    if any(who == "kornia" for _, who, _, _ in entered):
        operations_in_one_batch()


if __name__ == "__main__":
    main()
