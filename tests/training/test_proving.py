"""Which way is used, and why it may be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from bakeoff.training.proving import Exact, Function, Rough, Way


def way(function: Function, name: str = "reference") -> Way:
    """A way that is ready."""
    return Way(name=name, prepare=lambda: function)


def failing(error: Exception, name: str = "engine") -> Way:
    """A way that cannot be had here."""

    def prepare() -> Function:
        raise error

    return Way(name=name, prepare=prepare)


def plain(images: Tensor) -> Tensor:
    """Twelve numbers of each picture."""
    return images.flatten(1)[:, :12].float()


def off(factor: float) -> Callable[[Tensor], Tensor]:
    """The same, scaled."""
    return lambda images: plain(images) * factor


def sample(count: int) -> tuple[Tensor, Tensor]:
    """Pictures whose class can be told from them."""
    chance = torch.Generator().manual_seed(0)
    count = min(count, 400)
    labels = torch.randint(0, 4, (count,), generator=chance)
    noise = torch.randint(0, 60, (count, 4, 4, 3), generator=chance)
    noise[torch.arange(count), 0, labels] += 150
    return noise.to(torch.uint8), labels


def exact(*ways: Way) -> Exact:
    """Ways that must agree."""
    return Exact(ways=ways, sample=sample)


def test_a_way_that_cannot_be_had_is_passed_over() -> None:
    """What goes wrong while an engine is made ready or first used is a reason to take the next way
    and never the end; it is told in one line."""

    def breaks(images: Tensor) -> Tensor:
        raise ValueError

    ways = (
        failing(RuntimeError("No operator for aten::odd.\nA stack\nof lines")),
        way(breaks, "broken"),
        way(plain, "other"),
        way(plain),
    )
    proof = exact(*ways).proof
    assert proof.name == "other"
    assert proof.reason.endswith(
        " times as fast. Not by engine: No operator for aten::odd. Not by broken: ValueError."
    )


def test_stopping_is_no_reason_for_another_way() -> None:
    """Ctrl-C while an engine is made ready ends the work."""

    def prepare() -> Function:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _ = exact(Way(name="engine", prepare=prepare), way(plain)).proof


def test_the_reference_failing_is_an_error() -> None:
    """There is no way behind the last."""
    with pytest.raises(RuntimeError, match="broken"):
        _ = exact(failing(RuntimeError("broken"))).proof


def test_the_first_that_agrees_is_used_whatever_its_speed() -> None:
    """The order decides: what lies within the tolerance is taken, even if a later way is nearer."""
    proof = exact(
        way(off(1.5), "far"), way(off(1.05), "near"), way(off(1.01), "nearer"), way(plain)
    )
    assert proof.proof.name == "near"
    assert proof.proof.reason.startswith(
        "Features by near: at most 5.00% from reference on 64 pictures (10% is allowed), "
    )
    assert proof.proof.reason.endswith(" times as fast. Not by far: up to 50.0% off.")
    assert (proof.proof.shape, proof.proof.dtype) == ((12,), np.dtype(np.float16))


def test_few_levels_are_enough_where_nothing_is_lost() -> None:
    """Far from the reference, but as good to learn from: used, and the accuracies are told."""
    coarse = way(lambda images: (plain(images) / 40).round() * 40, "coarse")
    proof = Rough(ways=[coarse], exact=exact(way(plain))).proof
    assert proof.name == "coarse"
    assert proof.reason.startswith(
        "Features of the training part by coarse, as asked: a linear classifier trained on them "
    )
    assert (
        " of 400 training pictures that were held out right, and 1.0000 trained on those by "
        in (proof.reason)
    )


def test_few_levels_are_refused_where_accuracy_is_lost() -> None:
    """What costs more than half a point is not used; by how much is told, with the exact way's
    own reason."""
    blind = way(lambda images: torch.ones(len(images), 12), "blind")
    proof = Rough(ways=[blind, failing(OSError("no space"))], exact=exact(way(plain))).proof
    assert proof.name == "reference"
    assert proof.reason.startswith("Features by reference. Not by blind: a linear classifier ")
    assert proof.reason.endswith(
        " right, and 1.0000 trained on those by reference. Not by engine: no space."
    )


def test_rough_features_are_judged_by_exact_ones() -> None:
    """What is learnt on them must hold on the features of the model that is kept: others that only
    agree among themselves are refused."""
    turned = way(lambda images: plain(images).flip(1), "turned")
    assert Rough(ways=[turned], exact=exact(way(plain))).proof.name == "reference"


def test_maps_are_compared_by_their_means() -> None:
    """A linear classifier of maps looks at the mean of each channel."""

    def maps(images: Tensor) -> Tensor:
        return images.permute(0, 3, 1, 2).float()

    proof = Rough(ways=[way(maps, "engine")], exact=exact(way(maps))).proof
    assert (proof.name, proof.shape) == ("engine", (3, 4, 4))


def test_keys_hold_names_versions_and_order() -> None:
    """Another way, version, order or a rough one more makes other features."""
    one, two = way(plain, "a"), way(plain, "b")
    newer = Way(name="a", version="2", prepare=lambda: plain)
    found = [exact(one, two), exact(two, one), exact(one), exact(newer)]
    keys = {ways.key for ways in found} | {Rough(ways=[two], exact=exact(one)).key}
    assert len(keys) == 5
