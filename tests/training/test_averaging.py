"""Averages of weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bakeoff.spec.training import SGD
from bakeoff.training.averaging import Average, Lookahead
from bakeoff.training.optimisers import updater
from tests.training.tiny import equal, network, step


def line(value: float) -> nn.Linear:
    """A layer with one weight."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_the_average_forgets_faster_at_first() -> None:
    """The memory grows from 2/11 to what was asked for, and the average is what that gives."""
    layer = line(1.0)
    average = Average(layer, 0.3)
    held = 1.0
    for number, value in enumerate([2.0, 4.0, 8.0, 3.0], start=1):
        nn.init.constant_(layer.weight, value)
        average.update()
        memory = min(0.3, (1 + number) / (10 + number))
        held = memory * held + (1 - memory) * value
        assert float(average.tensors()["weight"]) == pytest.approx(held)
    assert memory == 0.3


def test_the_network_gets_its_own_weights_back() -> None:
    """In the block the network is the average, buffers too; afterwards it is bit by bit itself,
    also when the block fails."""
    net = network()
    updates = updater(net, SGD())
    average = Average(net, 0.9)
    for number in range(3):
        step(net, updates, number)
        average.update()
    own = {name: value.clone() for name, value in net.state_dict().items()}
    held = {name: value.clone() for name, value in average.tensors().items()}
    where = [parameter.data_ptr() for parameter in net.parameters()]
    with pytest.raises(ZeroDivisionError), average.in_place():
        assert equal(dict(net.state_dict()), held)
        assert not equal(dict(net.state_dict()), own)
        _ = 1 / 0
    assert equal(dict(net.state_dict()), own)
    assert equal(average.tensors(), held)
    assert where == [parameter.data_ptr() for parameter in net.parameters()]


def test_buffers_are_averaged_and_counts_are_taken() -> None:
    """Running statistics are averaged like weights; the count of batches is the latest."""
    net = network()
    average = Average(net, 0.0)
    step(net, updater(net, SGD()), 0)
    dict(net.named_buffers())["1.running_mean"].fill_(5.0)
    average.update()
    assert int(average.tensors()["1.num_batches_tracked"]) == 1
    assert float(average.tensors()["1.running_mean"][0]) == 5.0


def test_a_saved_average_goes_on_bit_by_bit() -> None:
    """Saved after three updates and loaded into a new one, it ends as the unbroken one does."""
    net = network()
    average, resumed = Average(net, 0.9), Average(network(seed=4), 0.9)
    updates = updater(net, SGD())
    for number in range(6):
        if number == 3:
            resumed = Average(net, 0.9)
            resumed.load({k: v.clone() for k, v in average.tensors().items()}, average.updates)
        step(net, updates, number)
        average.update()
        if number >= 3:
            resumed.update()
    assert resumed.updates == 6
    assert equal(average.tensors(), resumed.tensors())


def test_lookahead_pulls_every_few_steps() -> None:
    """Every second step both weights meet half way between the slow and the fast one."""
    layer = line(0.0)
    ahead = Lookahead(layer, every=2)
    seen = []
    for value in [1.0, 4.0, 6.0, 10.0]:
        nn.init.constant_(layer.weight, value)
        ahead.update()
        seen.append(float(layer.weight.detach()))
    assert seen == [1.0, 2.0, 6.0, 6.0]
    assert float(ahead.tensors()["weight"]) == 6.0


def test_a_saved_lookahead_goes_on_bit_by_bit() -> None:
    """Saved between two pulls, it ends as the unbroken one does."""
    whole, other = network(), network()
    ends = []
    for broken, net in ((False, whole), (True, other)):
        updates, ahead = updater(net, SGD()), Lookahead(net, every=3)
        torch.manual_seed(5)
        for number in range(7):
            if broken and number == 4:
                kept = {k: v.clone() for k, v in ahead.tensors().items()}
                steps = ahead.steps
                ahead = Lookahead(net, every=3)
                ahead.load(kept, steps)
            step(net, updates, number)
            ahead.update()
        ends.append((dict(net.state_dict()), ahead.tensors()))
    assert equal(ends[0][0], ends[1][0])
    assert equal(ends[0][1], ends[1][1])


def test_lookahead_leaves_frozen_weights_and_buffers() -> None:
    """Only what is trained is pulled."""
    net = network()
    net[0].requires_grad_(False)
    names = Lookahead(net, every=1).tensors().keys()
    assert "0.weight" not in names
    assert "1.running_mean" not in names
    assert "10.weight" in names
