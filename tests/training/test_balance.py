"""Classes of very unequal size, whole: a training that balances them finds the rare one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bakeoff.spec.network import Classes, Dense, Flatten, Network
from bakeoff.spec.training import SGD, Adam, Stage
from bakeoff.training.events import Finished, Noted
from bakeoff.training.material import Material
from tests.training.jobs import backbone, events, job, of

RARE = 1
NETWORK = Network(rows=(Flatten(), Dense(width=16, activation="relu"), Classes()))


@cache
def unequal() -> Material:
    """All digits, and of the ones a few to learn from; a hundred each to be judged by."""
    found = load_digits()
    many, few = np.flatnonzero(found.target != 1), np.flatnonzero(found.target == 1)
    train = np.concatenate([many[:600], few[:40]])
    val = np.concatenate([many[600:700], few[60:160]])
    pictures = np.round(found.images * 255 / 16).astype(np.uint8)
    return Material(
        pictures=np.repeat(pictures[..., None], 3, axis=3),
        labels=(found.target == RARE).astype(np.int64),
        train=train,
        val=val,
        classes=2,
        digest="unequal",
    )


def recalls(only: Stage, network: Network = NETWORK) -> tuple[float, float]:
    """Of the large class and of the rare one, on validation."""
    made = job(only, network=network, material=unequal())
    (finished,) = of(Finished, events(made))
    right = finished.probabilities.argmax(1) == unequal().labels[unequal().val]
    return float(right[:100].mean()), float(right[100:].mean())


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_the_rare_class_is_found(balance: Any) -> None:
    """Of one class in sixteen nothing is seen without balance; with it most of it is, and most of
    the other class still."""
    plain = Stage(epochs=2, batch=16, optimiser=SGD(rate=0.01))
    common, rare = recalls(plain)
    assert common > 0.95
    assert rare < 0.2
    common, rare = recalls(replace(plain, balance=balance))
    assert common > 0.7
    assert rare > 0.5


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_a_head_on_features_too(balance: Any) -> None:
    """What a frozen backbone made of the pictures is balanced alike."""
    plain = Stage(epochs=6, batch=32, optimiser=Adam(rate=0.01), train="head")
    assert recalls(plain, backbone())[1] < 0.2
    common, rare = recalls(replace(plain, balance=balance), backbone())
    assert common > 0.7
    assert rare > 0.5


def test_it_is_said() -> None:
    """How classes are balanced is told once, not again in the next stage, and not where they are
    left as they are."""
    one = Stage(epochs=0.1, batch=16, optimiser=SGD(rate=0.01), balance="sampling")
    plain = replace(one, balance="none")
    said = (
        "Classes are balanced by sampling: the largest has 15 times the pictures of the smallest."
    )
    for stages, wanted in (((plain,), []), ((one, one), [said]), ((plain, one), [said])):
        made = job(*stages, network=NETWORK, material=unequal())
        assert [event.text for event in of(Noted, events(made))] == wanted
    head = replace(one, train="head", balance="weights")
    made = job(head, network=backbone(), material=unequal())
    texts = [event.text for event in of(Noted, events(made))]
    assert texts[0] == said.replace("by sampling", "by weights in the loss")
