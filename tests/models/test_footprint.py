"""What training would take, before it starts."""

from __future__ import annotations

import pytest
import torch

from bakeoff.models.classifier import assemble
from bakeoff.models.counting import Parameters, count
from bakeoff.models.footprint import Footprint, footprint, refuse_too_large
from bakeoff.models.table import tabulate, total
from bakeoff.recipes import get
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone, Network

PLAIN = Preprocess(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
TINY = Network(backbone=Backbone(name="test_resnet", weights="random", size=64, padding="own"))


def test_it_agrees_with_the_table() -> None:
    """For a table of rows parameters and operations are those of the arithmetic, exactly."""
    network = get("vgg6-bn").network
    assert isinstance(network, Network)
    assert network.rows is not None
    found = footprint(network, PLAIN, classes=10)
    cost = total(tabulate(network.rows, size=32, classes=10))
    assert found.parameters == cost.parameters
    assert found.flops == cost.flops
    assert 0.5 < found.kept / (4 * cost.kept) < 2


def test_what_is_kept_is_what_torch_keeps() -> None:
    """The bytes that a real forward pass holds on to are those foretold."""
    found = footprint(TINY, PLAIN, classes=3)
    made = assemble(TINY, PLAIN, classes=3, seed=0).train()
    held: dict[int, torch.Tensor] = {}

    def packed(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    sizes = []
    for batch in (4, 8):
        held.clear()
        with torch.autograd.graph.saved_tensors_hooks(packed, lambda tensor: tensor):
            scores = made(torch.zeros(batch, 32, 32, 3, dtype=torch.uint8))
        sizes.append(sum(tensor.untyped_storage().nbytes() for tensor in held.values()))
        del scores
    assert found.kept == (sizes[1] - sizes[0]) // 4
    assert found.parameters == count(made)


def test_freezing_keeps_less() -> None:
    """The fewer blocks are trained, the less is kept; the passage through them stays."""
    alls, last, head = (
        footprint(TINY, PLAIN, classes=3, train=train) for train in ("all", 1, "head")
    )
    assert alls.kept > 2 * last.kept > 4 * head.kept > 0
    assert alls.passing == last.passing == head.passing
    assert alls.flops == head.flops
    assert head.parameters.trained == 96 * 3 + 3


def test_weights_are_not_needed() -> None:
    """Nothing is fetched to find out how large a network is."""
    backbone = Backbone(name="test_resnet", weights="/gone.safetensors", size=64, padding="own")
    assert footprint(Network(backbone=backbone), PLAIN, classes=3).flops > 0


def test_a_size_that_does_not_fit() -> None:
    """It is said before anything is computed."""
    backbone = Backbone(name="inception_v3", weights="random", size=32, padding="own")
    with pytest.raises(SpecError, match=r"Backbone.size does not fit inception_v3 .*size=75"):
        footprint(Network(backbone=backbone), PLAIN, classes=3)


NEEDS = Footprint(
    parameters=Parameters(trained=1_000_000), kept=600_000_000, passing=400_000_000, flops=1
)
"""A gigabyte per picture."""


def test_a_batch_that_does_not_fit_the_memory() -> None:
    """The message says how much is needed and free, and which batch would fit."""
    refuse_too_large(NEEDS, batch=8, free=9_000_000_000)
    with pytest.raises(SpecError) as caught:
        refuse_too_large(NEEDS, batch=64, free=9_000_000_000)
    assert str(caught.value) == (
        "Stage.batch needs about 64.0 GB of memory, and 9.0 GB are free, but is 64. Take at most "
        "8, a smaller size, or train='head'."
    )
    with pytest.raises(SpecError, match="Not one picture fits: take a smaller network or size"):
        refuse_too_large(NEEDS, batch=64, free=500_000_000)


def test_memory_counts_weights_gradients_and_the_optimiser() -> None:
    """A trained weight takes its gradient and the optimiser's numbers along; half precision halves
    what a batch takes."""
    assert NEEDS.memory(batch=0, slots=2) > NEEDS.memory(batch=0, slots=1)
    whole = NEEDS.memory(batch=4) - NEEDS.memory(batch=0)
    half = NEEDS.memory(batch=4, width=2) - NEEDS.memory(batch=0)
    assert whole == 2 * half == 4_000_000_000
    most = NEEDS.largest_batch(9_000_000_000)
    assert NEEDS.memory(batch=most) <= 9_000_000_000 < NEEDS.memory(batch=most + 1)
