"""A step asks nothing of the device: who asks, waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bakeoff.spec.image import Augment
from bakeoff.spec.training import SGD, Adam, AdamW, Muon, Optimiser, RMSProp, Stage
from bakeoff.training import engine
from bakeoff.training.engine import train
from bakeoff.training.events import Stepped
from bakeoff.training.feeding import fed
from bakeoff.training.leg import Leg
from tests.training.jobs import backbone, job, stage

ASKING = {
    "aten::_local_scalar_dense",
    "aten::equal",
    "aten::is_nonzero",
    "aten::item",
    "aten::masked_select",
    "aten::nonzero",
    "aten::unique_consecutive",
    "aten::_unique2",
}
"""Operations whose result, or its shape, the processor has to be told."""

METHODS = ("cpu", "numpy", "tolist")
"""Ways of a tensor to the processor that are no operation where it is there already."""

OPTIMISERS: list[Optimiser] = [
    SGD(),
    Adam(),
    AdamW(),
    RMSProp(momentum=0.5),
    Muon(renormalise=True),
]
CHANGES = [
    Augment(flip="alternate", crop=2, cutout=2),
    Augment(rotation=10, zoom=0.1, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
    Augment(trivial=True),
    Augment(mixup=0.4, cutmix=1.0),
]


class Asked(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what the processor is told in this block."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func._schema.name
        places = {one.device for one in args if isinstance(one, Tensor)}
        elsewhere = name == "aten::_to_copy" and (kwargs or {}).get("device") not in {None, *places}
        if name in ASKING or elsewhere or _by_mask(name, args):
            self.names.append(name)
        return func(*args, **(kwargs or {}))


@contextmanager
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is asked of the device in this block."""
    with monkeypatch.context() as patch, Asked() as noted:
        for method in METHODS:
            patch.setattr(Tensor, method, _telling(method, noted.names))
        yield noted.names


def _telling(method: str, names: list[str]) -> Callable[..., Any]:
    real = getattr(Tensor, method)

    def telling(held: Tensor, *rest: Any, **named: Any) -> Any:
        names.append(method)
        return real(held, *rest, **named)

    return telling


def _by_mask(name: str, args: tuple[Any, ...]) -> bool:
    """Whether the shape of the result hangs on how many places of a mask are set."""
    if name not in {"aten::index", "aten::index_put", "aten::index_put_"}:
        return False
    return any(one is not None and one.dtype == torch.bool for one in args[1])


def settled(made: Leg) -> Leg:
    """The same leg once its first steps have set things up."""
    for _ in range(2):
        made.step(0.5)
    return made


def leg(only: Stage, change: Augment, **fields: Any) -> Leg:
    """A stage at work, as the engine has it."""
    made = job(only, augment=change, **fields)
    food = fed(made, 0)
    return Leg(
        made.classifier,
        only,
        food.train,
        device=made.device,
        team=made.team,
        on_features=food.on_features,
        weights=food.weights,
    )


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda one: type(one).__name__)
def test_a_step_tells_the_processor_nothing(
    monkeypatch: pytest.MonkeyPatch, optimiser: Optimiser, change: Augment
) -> None:
    """Drawing and changing a batch, forward, backward, clipping, the optimiser's step and the
    averages, with all that a stage can ask for."""
    everything: dict[str, Any] = {"clip": 1.0, "average": 0.9, "lookahead": 2, "size": 6}
    only = stage(optimiser=optimiser, balance="weights", label_smoothing=0.1, **everything)
    made = settled(leg(only, change))
    with asked(monkeypatch) as told:
        made.reach(0.5)
        made.step(0.5)
    assert told == []


@pytest.mark.parametrize("train", ["head", 1])
def test_neither_does_one_of_fine_tuning(monkeypatch: pytest.MonkeyPatch, train: Any) -> None:
    """On features, and on some of a backbone's blocks, with classes drawn equally often."""
    only = stage(train=train, balance="sampling")
    made = settled(leg(only, Augment(flip="random"), network=backbone()))
    with asked(monkeypatch) as told:
        made.step(0.5)
    assert told == []


def test_the_engine_looks_once_in_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many steps lie between two events, the device is asked once for all of them."""
    monkeypatch.setattr(engine, "_BETWEEN", 1e9)
    made = job(stage(epochs=1, batch=8))
    with asked(monkeypatch) as told:
        counts = []
        for event in train(made):
            if isinstance(event, Stepped):
                counts.append((event.step, told.count("aten::_local_scalar_dense")))
                told.clear()
            if len(counts) == 1:
                told.clear()
    (first, _), (last, looks) = counts
    assert (first, last) == (1, 6)
    # The loss of five steps; and whether the weights, which are to be kept, are numbers.
    assert looks <= 4


def test_what_asks_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test itself notices each way of asking."""
    held = torch.arange(4.0)
    ways: list[Callable[[], object]] = [
        lambda: float(held.sum()),
        lambda: held[held > 1],
        lambda: bool((held > 5).any()),
        lambda: held.tolist(),
        lambda: held.numpy(),
        lambda: held.cpu(),
        lambda: held.to("meta"),
    ]
    for way in ways:
        with asked(monkeypatch) as told:
            way()
        assert told, way
