"""A new head on a frozen backbone: our way against the usual one.

    python benchmarks/transfer.py                                # ResNet-50, random weights
    python benchmarks/transfer.py --weights FILE --backbone NAME --data cifar10 # accuracy, too

Ours: the backbone once over all pictures by the way that `training/ways.py` takes here, then the
head on features. The usual way: fp32, eager, in torch's own threads, backbone and head in every
epoch. Each has a process of its own, as ours tells the allocator something that cannot be taken
back; they take turns in short rounds, and what counts beside the clock is processor time, since
other work on the machine changes the clock. Speed does not depend on the weights. What is measured
on a few hundred pictures is extrapolated in a straight line, and the sum is printed.

With --data, the accuracy of a linear head on features by each way is measured as well: trained on
one part of the training pictures, judged on fp32 features of another.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

from bakeoff.data.dataset import load
from bakeoff.data.pack import pack
from bakeoff.models.classifier import Classifier, assemble, settle
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone, Network
from bakeoff.training import ways
from bakeoff.training.device import Device, choose
from bakeoff.training.material import FeatureBatches
from bakeoff.training.proving import Exact, Function

CLASSES = 10
MANY = 10**6
OURS, USUAL = 64, 32
"""Pictures at once; the usual way is at its fastest with few."""

IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


class Worker(Protocol):
    """One of the two ways, in its own process."""

    def tell(self) -> dict[str, Any]:
        """What there is to say beside how long rounds took."""

    def round(self) -> dict[str, Any]:
        """All pictures once; nothing to say."""


def clocks() -> tuple[float, float]:
    """Seconds on the clock and of processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def settled(options: argparse.Namespace) -> tuple[Network, Preprocess]:
    """The backbone and how its pictures are prepared."""
    declared = Backbone(name=options.backbone, weights=options.weights, size=options.size)
    plain = IMAGENET if options.weights == "random" else {}
    given = Preprocess(size=options.side or options.size, **plain)
    network, preprocess = settle(Network(backbone=declared), given, side=options.size)
    assert isinstance(network, Network)
    return network, preprocess


def classifier_of(options: argparse.Namespace) -> Classifier:
    """The backbone with a new head."""
    network, preprocess = settled(options)
    return assemble(network, preprocess, classes=CLASSES, seed=0).eval()


def made(options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Smooth noise, and classes that mean nothing."""
    side, chance = options.side or options.size, torch.Generator().manual_seed(0)
    coarse = torch.rand((options.pictures, 3, 8, 8), generator=chance) * 255
    planes = functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 255)
    labels = torch.randint(0, CLASSES, (options.pictures,), generator=chance)
    return planes.to(torch.uint8).permute(0, 2, 3, 1).contiguous(), labels


class Ours:
    """The backbone once, by the fastest way; then the head on features, ten epochs and more."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.device = choose("cpu")
        self.device.apply()
        self.epochs = options.epochs
        self.classifier = self.device.laid_out(classifier_of(options))
        self.pictures, self.labels = made(options)
        begun = clocks()
        self.proof = exact_of(self.classifier, self.device, self.pictures, self.labels).proof
        self.ready = [after - before for before, after in zip(begun, clocks(), strict=True)]
        self.features = torch.empty(0)

    def tell(self) -> dict[str, Any]:
        wall, cpu = self._head()
        return {"reason": self.proof.reason, "ready": self.ready, "head": [wall, cpu]}

    def round(self) -> dict[str, Any]:
        with torch.inference_mode():
            pieces = torch.split(self.pictures, OURS)
            self.features = torch.cat([self.proof.function(piece).float() for piece in pieces])
        return {}

    def _head(self) -> tuple[float, float]:
        """Seconds for each picture in each epoch of the head."""
        self.round()
        times = 16
        batches = FeatureBatches(
            views=(self.features.numpy().astype(np.float16).repeat(times, 0),),
            labels=self.labels.numpy().repeat(times),
            batch=128,
            device=self.device.place,
            shuffle=True,
        )
        head = self.classifier.head.train()
        updates = torch.optim.SGD(head.parameters(), lr=0.01, momentum=0.9)
        begun = clocks()
        for epoch in range(self.epochs):
            for batch in batches.epoch(epoch):
                with self.device.autocast():
                    loss = functional.cross_entropy(head(batch.images), batch.targets)
                updates.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                updates.step()
        count = self.epochs * times * len(self.pictures)
        wall, cpu = (after - before for before, after in zip(begun, clocks(), strict=True))
        return wall / count, cpu / count


class Usual:
    """Backbone and head, picture after picture, epoch after epoch."""

    def __init__(self, options: argparse.Namespace) -> None:
        whole = classifier_of(options)
        self.classifier = whole.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        assert self.classifier.backbone is not None
        self.classifier.backbone.requires_grad_(False)
        self.pictures, self.labels = made(options)
        self.updates = torch.optim.SGD(self.classifier.head.parameters(), lr=0.01, momentum=0.9)

    def tell(self) -> dict[str, Any]:
        return {"threads": torch.get_num_threads()}

    def round(self) -> dict[str, Any]:
        pairs = zip(torch.split(self.pictures, USUAL), torch.split(self.labels, USUAL), strict=True)
        for pictures, labels in pairs:
            # Planes of one colour after another, as they come from most loaders.
            planes = self.classifier.normalised(pictures).contiguous()
            scores = self.classifier.head(self.classifier.backbone(planes))
            loss = functional.cross_entropy(scores, labels)
            self.updates.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.updates.step()
        return {}


def exact_of(classifier: Classifier, device: Device, pictures: Tensor, labels: Tensor) -> Exact:
    """The exact ways, proved on these pictures."""

    def sample(count: int) -> tuple[Tensor, Tensor]:
        return pictures[:count], labels[:count]

    return ways.exact(classifier, device, sample, pictures=MANY)


def work(worker: Worker) -> None:
    """Do as the parent says, and say what it took."""
    for line in sys.stdin:
        begun = clocks()
        said = worker.tell() if line.strip() == "tell" else worker.round()
        wall, cpu = (after - before for before, after in zip(begun, clocks(), strict=True))
        print(json.dumps({"wall": wall, "cpu": cpu, **said}), flush=True)


@dataclass
class Child:
    """A worker, from outside."""

    process: subprocess.Popen[str]

    def ask(self, word: str) -> dict[str, Any]:
        """Have it do something, and wait."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(word, file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def child(kind: str) -> Child:
    """The same program as a worker."""
    command = [sys.executable, __file__, *sys.argv[1:], "--worker", kind]
    pipe = subprocess.PIPE
    return Child(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))


def race(options: argparse.Namespace) -> None:
    """Let both take turns, and print what comes out."""
    ours, usual = child("ours"), child("usual")
    for each in (ours, usual):
        each.ask("round")
    rounds = [(ours.ask("round"), usual.ask("round")) for _ in range(options.rounds)]
    told, others = ours.ask("tell"), usual.ask("tell")
    for each in (ours, usual):
        each.process.kill()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{options.backbone} at {options.size}: {options.rounds} rounds of {options.pictures} "
        f"pictures in turn; usual way on {others['threads']} threads; load {load}"
    )
    print(f"  {told['reason']}")
    for place, name in enumerate(("wall", "cpu")):
        unit = "s by the clock" if name == "wall" else "s of processor"
        fast = [options.pictures / mine[name] for mine, _ in rounds]
        slow = [options.pictures / other[name] for _, other in rounds]
        print(f"  per {unit}: ours {spread(fast)} pictures, usual {spread(slow)}")
        both = zip(fast, slow, strict=True)
        ratios = [total(options, told, mine, theirs, place) for mine, theirs in both]
        mine, theirs = statistics.median(fast), statistics.median(slow)
        once, head = told["ready"][place], told["head"][place]
        count, epochs = options.total, options.epochs
        print(
            f"    {count:,} pictures, {epochs} epochs: {epochs} × {count} / {theirs:.1f} = "
            f"{epochs * count / theirs:,.0f} s, against {once:.1f} + {count} / {mine:.1f} + "
            f"{epochs} × {count} × {head:.1e} = "
            f"{once + count / mine + epochs * count * head:,.0f} s: {spread(ratios)} times as fast"
        )


def total(
    options: argparse.Namespace, told: dict[str, Any], fast: float, slow: float, place: int
) -> float:
    """How many times longer the usual way takes, all in all."""
    count, epochs = options.total, options.epochs
    ours = told["ready"][place] + count / fast + epochs * count * told["head"][place]
    return float(epochs * count / slow / ours)


def spread(values: list[float]) -> str:
    """Median, and from where to where."""
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def accuracy(options: argparse.Namespace) -> None:
    """What a linear head gets right on features by each way."""
    device = choose("cpu")
    device.apply()
    classifier = device.laid_out(classifier_of(options))
    dataset = load(options.data)
    packed = pack(dataset, settled(options)[1])
    chance = np.random.default_rng(0)
    chosen = chance.permutation(dataset.split.train)[: options.learn + options.judge]
    pictures = torch.from_numpy(packed.pictures[chosen])
    labels = torch.from_numpy(dataset.labels[chosen])
    exact = exact_of(classifier, device, pictures, labels)
    found = {"torch fp32": features(exact.ways[-1].prepare(), pictures)}
    rough = ways.rough(classifier, device, exact, pictures=MANY)
    print(f"{options.backbone} on {options.data}:\n  {exact.proof.reason}\n  {rough.proof.reason}")
    found[exact.proof.name] = features(exact.proof.function, pictures)
    found[rough.ways[0].name] = features(rough.ways[0].prepare(), pictures)
    learn, judge = np.split(np.arange(len(chosen)), [options.learn])
    for name, values in found.items():
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
        head.fit(values[learn], labels[learn])
        right = head.predict(found["torch fp32"][judge]) == labels[judge].numpy()
        off = (right.mean() * (1 - right.mean()) / len(judge)) ** 0.5
        print(
            f"  head learnt from {len(learn)} pictures by {name}: {right.mean():.4f} of "
            f"{len(judge)} held-out training pictures right by their fp32 features, standard "
            f"error {off:.4f}"
        )


@torch.inference_mode()
def features(function: Function, pictures: Tensor) -> npt.NDArray[np.float32]:
    """Of all pictures."""
    found = [function(piece).float() for piece in torch.split(pictures, OURS)]
    return torch.cat(found).flatten(1).numpy()


def main() -> None:
    """Race, and where there are data, look at accuracy."""
    parser = argparse.ArgumentParser(description="A new head on a frozen backbone, two ways.")
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--weights", default="random")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--side", type=int, default=None, help="of the pictures as they are kept")
    parser.add_argument("--pictures", type=int, default=128, help="in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--total", type=int, default=50_000, help="pictures to extrapolate to")
    parser.add_argument("--data", default=None, help="for accuracy: a dataset of ten classes")
    parser.add_argument("--learn", type=int, default=2000)
    parser.add_argument("--judge", type=int, default=2000)
    parser.add_argument("--worker", choices=["ours", "usual"], default=None)
    options = parser.parse_args()
    if options.worker:
        work(Ours(options) if options.worker == "ours" else Usual(options))
        return
    if options.rounds:
        race(options)
    if options.data:
        accuracy(options)


if __name__ == "__main__":
    main()
