"""Declared optimisers against torch's, their groups, and their state."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bakeoff.spec.training import SGD, Adam, AdamW, Muon, Optimiser, RMSProp
from bakeoff.training.optimisers import last_layer, updater
from tests.training.tiny import equal, network, step

ALL: list[Optimiser] = [
    SGD(rate=0.05),
    SGD(rate=0.05, momentum=0.0, nesterov=False, weight_decay=0.0),
    Adam(weight_decay=0.01),
    AdamW(),
    RMSProp(weight_decay=1e-4),
    RMSProp(momentum=0.5),
    Muon(rate=0.05),
    Muon(rate=0.05, renormalise=True, other=SGD(rate=0.02, weight_decay=0.01)),
]


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: type(spec).__name__)
def test_a_saved_updater_goes_on_bit_by_bit(spec: Optimiser) -> None:
    """Three steps, save, three in a new network and updater: the weights of six in one go."""
    whole = network()
    updates = updater(whole, spec)
    for number in range(6):
        if number == 3:
            weights = {name: value.clone() for name, value in whole.state_dict().items()}
            state = {name: value.clone() for name, value in updates.tensors().items()}
            chance = torch.get_rng_state()
        step(whole, updates, number, factor=1 - number / 6)
    resumed = network(seed=9)
    resumed.load_state_dict(weights)
    again = updater(resumed, spec)
    again.load(state)
    torch.set_rng_state(chance)
    for number in range(3, 6):
        step(resumed, again, number, factor=1 - number / 6)
    assert equal(whole.state_dict(), resumed.state_dict())
    assert equal(updates.tensors(), again.tensors())
    strides = {name: value.stride() for name, value in updates.tensors().items()}
    assert strides == {name: value.stride() for name, value in again.tensors().items()}


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: type(spec).__name__)
def test_every_optimiser_learns(spec: Optimiser) -> None:
    """Fifteen steps on one batch lower the loss."""
    net = network()
    updates = updater(net, spec)
    losses = [step(net, updates, number=0) for _ in range(15)]
    assert losses[-1] < losses[0] * 0.8


@pytest.mark.parametrize(
    ("spec", "kind", "options"),
    [
        (SGD(rate=0.1, weight_decay=0.01), torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        (Adam(rate=0.01, weight_decay=0.01), torch.optim.Adam, {}),
        (AdamW(rate=0.01, weight_decay=0.1), torch.optim.AdamW, {}),
        (
            RMSProp(rate=0.01, weight_decay=0.1, momentum=0.3),
            torch.optim.RMSprop,
            {"alpha": 0.9, "eps": 1e-7, "momentum": 0.3},
        ),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_as_torch_with_groups_made_by_hand(
    spec: SGD | Adam | AdamW | RMSProp,
    kind: type[torch.optim.Optimizer],
    options: dict[str, Any],
) -> None:
    """Weights decay, biases and norms do not, and the factor multiplies the peak rate."""
    mine, theirs = network(), network()
    updates = updater(mine, spec)
    decay = [p for p in theirs.parameters() if p.ndim > 1]
    rest = [p for p in theirs.parameters() if p.ndim == 1]
    groups: list[dict[str, Any]] = [
        {"params": decay, "weight_decay": spec.weight_decay},
        {"params": rest},
    ]
    plain = kind(groups, lr=spec.rate * 0.5, weight_decay=0.0, **options)  # type: ignore[call-arg]
    for parameter, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        parameter.grad = torch.randn_like(parameter)
        other.grad = parameter.grad.clone()
    for _ in range(3):
        updates.step(0.5)
        plain.step()
    for parameter, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, atol=1e-6, rtol=1e-5)


class Exempting(nn.Module):
    """A part with a matrix that its author exempts from decay, as timm's networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(6, 4))
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.linear = nn.Linear(4, 3)

    def no_weight_decay(self) -> set[str]:
        return {"places"}


def test_what_does_not_decay() -> None:
    """Vectors of any shape and what the network exempts are in groups without decay."""
    net = nn.Sequential(Exempting(), nn.Linear(3, 2))
    groups = updater(net, SGD(weight_decay=0.1)).groups
    by_decay = {group.decay: set(group.names) for group in groups}
    assert by_decay == {
        0.1: {"0.linear.weight", "1.weight"},
        0.0: {"0.places", "0.scale", "0.linear.bias", "1.bias"},
    }


def test_factors_and_frozen_parameters() -> None:
    """Each factor makes a group with its own peak; what needs no gradient is in none."""
    net = network()
    net[0].requires_grad_(False)
    updates = updater(net, AdamW(rate=0.01), factors={"3.weight": 0.5, "3.bias": 0.5})
    peaks = {name: group.peak for group in updates.groups for name in group.names}
    assert "0.weight" not in peaks
    assert peaks["3.weight"] == peaks["3.bias"] == 0.005
    assert peaks["6.weight"] == peaks["10.bias"] == 0.01
    assert {group.kind for group in updates.groups} == {"AdamW"}
    assert sum(group.count for group in updates.groups) == sum(
        p.numel() for p in net.parameters() if p.requires_grad
    )


def test_what_muon_moves() -> None:
    """Filters and matrices go to Muon, the last layer to SGD at its own rate, the rest to SGD."""
    net = network()
    spec = Muon(rate=0.2, other=SGD(rate=0.05, weight_decay=0.3), head_rate=0.7)
    groups = updater(net, spec).groups
    found = {(g.kind, g.peak, g.decay): set(g.names) for g in groups}
    assert found == {
        ("Muon", 0.2, 0.0): {"0.weight", "3.weight", "6.weight"},
        ("SGD", 0.05, 0.3): {"1.weight", "1.bias", "3.bias", "4.weight", "4.bias", "6.bias"},
        ("SGD", 0.7, 0.3): {"10.weight", "10.bias"},
    }
    assert last_layer(net) == {"10.weight", "10.bias"}
    assert last_layer(nn.Sequential(nn.ReLU())) == frozenset()
    assert last_layer(nn.Linear(2, 2)) == {"weight", "bias"}


def test_muon_with_only_a_head_or_only_filters() -> None:
    """A stage that trains the head alone, or a network of filters alone, works as well."""
    head = nn.Sequential(nn.Linear(4, 3))
    assert [group.kind for group in updater(head, Muon()).groups] == ["SGD"]
    body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False))
    assert [group.kind for group in updater(body, Muon(), head=()).groups] == ["Muon"]


def test_clipping() -> None:
    """All gradients together are shortened to the norm asked for, and the old norm is given."""
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    updates = updater(net, SGD())
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 2.0)
    before = 2.0 * sum(p.numel() for p in net.parameters()) ** 0.5
    assert float(updates.clip(1.0)) == pytest.approx(before)
    assert float(norm(net)) == pytest.approx(1.0, rel=1e-4)
    updates.clip(5.0)
    assert float(norm(net)) == pytest.approx(1.0, rel=1e-4)
    updates.clear()
    assert all(parameter.grad is None for parameter in net.parameters())


def norm(net: nn.Module) -> Tensor:
    """Of all gradients together."""
    gradients = [p.grad.flatten() for p in net.parameters() if p.grad is not None]
    found: Tensor = torch.linalg.vector_norm(torch.cat(gradients))
    return found
