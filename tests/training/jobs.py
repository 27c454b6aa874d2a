"""Jobs for the engine that take a moment: digits, and networks of a few thousand weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from bakeoff.models.classifier import assemble, initialise
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.network import (
    Backbone,
    BatchNorm,
    Classes,
    Conv,
    Dropout,
    GlobalPool,
    Head,
    MaxPool,
    Network,
    Row,
    Whiten,
)
from bakeoff.spec.training import SGD, Stage
from bakeoff.training import chance, checkpoint, engine
from bakeoff.training.checkpoint import LoopState
from bakeoff.training.device import Device, choose
from bakeoff.training.engine import Job, train
from bakeoff.training.events import Checkpointed, Evaluated, Event, Finished, Stepped
from bakeoff.training.material import Material

__all__ = [
    "DEVICE",
    "END",
    "TINY",
    "backbone",
    "end",
    "events",
    "goes_on",
    "job",
    "material",
    "of",
    "same",
    "small",
    "stage",
    "stopped_after",
]

DEVICE: Device = replace(choose("cpu", precision="full"), threads=1)

_CONV = Conv(width=8, bias=False)
TINY: tuple[Row, ...] = (
    Whiten(activation="gelu"),
    _CONV,
    MaxPool(),
    BatchNorm(activation="relu"),
    _CONV,
    BatchNorm(scale=False, activation="relu"),
    GlobalPool(),
    Dropout(rate=0.2),
    Classes(),
)
"""Layers that start from data, normalise, drop out."""

END = tuple[dict[str, Tensor], Finished, list[tuple[float, ...]]]
"""Weights, what the engine says last, and what validation showed on the way."""


@cache
def material(train: int = 48, val: int = 21, classes: int = 3) -> Material:
    """Digits of 8×8 pixels."""
    found = load_digits(n_class=classes)
    pictures = np.round(found.images * 255 / 16).astype(np.uint8)[: train + val]
    return Material(
        pictures=np.repeat(pictures[..., None], 3, axis=3),
        labels=found.target[: train + val].astype(np.int64),
        train=np.arange(train),
        val=np.arange(train, train + val),
        classes=classes,
        digest="digits",
    )


def small(*rows: Row) -> Network:
    """A network without chance and without norms."""
    return Network(rows=(Conv(width=8, activation="relu"), *rows, GlobalPool(), Classes()))


def backbone(name: str = "test_resnet", **fields: Any) -> Network:
    """A tiny backbone that was never trained, and a head with dropout."""
    declared = Backbone(name=name, weights="random", size=32, padding="own", **fields)
    return Network(backbone=declared, head=Head(rows=(Dropout(rate=0.3), Classes())))


def stage(**fields: Any) -> Stage:
    """A short one."""
    return Stage(**{"epochs": 2, "batch": 16, "optimiser": SGD(rate=0.1), **fields})


def job(*stages: Stage, network: Network | None = None, seed: int = 0, **fields: Any) -> Job:
    """All that the engine wants, made anew."""
    pictures = fields.pop("material", material())
    classifier = assemble(
        network or Network(rows=TINY),
        Preprocess(size=8, mean=(0.3, 0.3, 0.3), std=(0.4, 0.4, 0.4)),
        classes=pictures.classes,
        seed=seed,
    )
    initialise(classifier, torch.from_numpy(pictures.pictures[pictures.train]))
    return Job(
        **{
            "classifier": fields.get("device", DEVICE).laid_out(classifier),
            "stages": stages or (stage(),),
            "augment": Augment(),
            "material": pictures,
            "device": DEVICE,
            "seed": seed,
            **fields,
        }
    )


def events(
    made: Job, state: LoopState | None = None, stop: Callable[[], bool] = lambda: False
) -> list[Event]:
    """All of them."""
    return list(train(made, state, stop=stop))


def of(kind: type, found: list[Event]) -> list[Any]:
    """Those of a kind."""
    return [event for event in found if isinstance(event, kind)]


def end(made: Job, state: LoopState | None = None) -> END:
    """How a job ends that nothing stops."""
    found = events(made, state)
    (finished,) = of(Finished, found)
    assert isinstance(finished, Finished)
    looks: list[tuple[float, ...]] = [
        (look.stage, look.step, look.train_loss, look.loss, look.accuracy)
        for look in of(Evaluated, found)
    ]
    return dict(made.classifier.state_dict()), finished, looks


def stopped_after(
    steps: int, made: Job, folder: Path, monkeypatch: pytest.MonkeyPatch, state: LoopState | None
) -> LoopState:
    """The state, gone through the disk, of a job that is stopped after so many steps."""
    found: list[Event] = []

    def enough() -> bool:
        # It is asked before the last step is told.
        return len(of(Stepped, found)) + 1 >= steps

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_BETWEEN", 0.0)
        for event in train(made, state, stop=enough):
            found.append(event)
            if isinstance(event, Checkpointed):
                checkpoint.save(folder, event.state)
    assert not of(Finished, found), "it ended before it was stopped"
    loaded = checkpoint.load_newest(folder)
    assert loaded is not None
    return loaded.state


def goes_on(made: Callable[[], Job], at: list[int], folder: Path, patch: pytest.MonkeyPatch) -> END:
    """How a job ends that is stopped several times, each time so many steps after the last."""
    state = None
    for steps in at:
        state = stopped_after(steps, made(), folder, patch, state)
        # In another process the generators would stand anywhere.
        chance.seed(steps + 99)
    return end(made(), state)


def same(one: END, other: END) -> bool:
    """Whether two jobs ended with the same bits; what validation showed is compared from the end,
    as a job that went on has not seen the beginning."""
    shown = min(len(one[2]), len(other[2]))
    return (
        one[0].keys() == other[0].keys()
        and all(torch.equal(held, other[0][name]) for name, held in one[0].items())
        and np.array_equal(one[1].probabilities, other[1].probabilities)
        and (one[1].steps, one[1].losses) == (other[1].steps, other[1].losses)
        and (shown == 0 or one[2][-shown:] == other[2][-shown:])
    )
