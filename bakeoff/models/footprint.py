"""What training would take, worked out before it starts: nothing is computed, only shapes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bakeoff.models.classifier import assemble
from bakeoff.models.counting import Parameters, count
from bakeoff.models.freezing import Trained, trainable
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Network

__all__ = ["Footprint", "footprint", "refuse_too_large"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """The size of a network and of its work."""

    parameters: Parameters

    kept: int
    """Bytes per picture in single precision that are kept from forward to backward."""

    passing: int
    """Bytes per picture that the largest layer reads and writes, trained or not."""

    flops: int
    """Operations for one picture, forward."""

    def memory(self, *, batch: int, slots: int = 1, width: int = 4) -> int:
        """Bytes that training takes, about: weights, gradients and `slots` numbers of the
        optimiser's per trained weight, and a batch at `width` bytes per number."""
        held = self.parameters.keras + (1 + slots) * self.parameters.trained
        return 4 * held + batch * (self.kept + self.passing) * width // 4

    def largest_batch(self, free: int, *, slots: int = 1, width: int = 4) -> int:
        """The most pictures that `free` bytes hold; 0 if none."""
        each = (self.kept + self.passing) * width // 4
        return max(0, (free - self.memory(batch=0, slots=slots)) // each)


def footprint(
    network: Network, preprocess: Preprocess, *, classes: int, train: Trained = "all"
) -> Footprint:
    """The footprint of a settled network; an error where its size does not fit."""
    if network.backbone is not None:
        network = dataclasses.replace(
            network, backbone=dataclasses.replace(network.backbone, weights="random")
        )
    side = preprocess.size
    assert side is not None, "not settled"
    with torch.device("meta"):
        classifier = assemble(network, preprocess, classes=classes, seed=0)
        trainable(classifier, train)
        classifier.train()
        # Two sizes of batch, so that what does not grow with it, such as weights, drops out. Not
        # one picture: a batch norm over a map of one place would refuse it.
        small, large = (
            _bytes_kept(classifier, torch.empty(size, side, side, 3, dtype=torch.uint8))
            for size in (2, 4)
        )
        pair = torch.empty(2, side, side, 3, dtype=torch.uint8)
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            passing = _largest_pass(classifier, pair)
    return Footprint(
        parameters=count(classifier),
        kept=(large - small) // 2,
        passing=passing // 2,
        flops=counter.get_total_flops() // 2,
    )


def refuse_too_large(
    needs: Footprint, *, batch: int, free: int, slots: int = 1, width: int = 4
) -> None:
    """An error before training where a batch does not fit the free memory, in bytes."""
    need = needs.memory(batch=batch, slots=slots, width=width)
    if need <= free:
        return
    most = needs.largest_batch(free, slots=slots, width=width)
    raise SpecError(
        "Stage.batch",
        f"needs about {need / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free",
        batch,
        f"Take at most {most}, a smaller size, or train='head'."
        if most
        else "Not one picture fits: take a smaller network or size, or train='head'.",
    )


def _bytes_kept(network: nn.Module, pictures: Tensor) -> int:
    # Tensors with one storage count once. They are held on to, so that no storage is used again
    # for another one while they are counted.
    seen: dict[int, Tensor] = {}

    def packed(tensor: Tensor) -> Tensor:
        seen[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(packed, lambda tensor: tensor):
        scores = network(pictures)
    total = sum(tensor.untyped_storage().nbytes() for tensor in seen.values())
    del scores
    return total


def _largest_pass(network: nn.Module, pictures: Tensor) -> int:
    largest = 0

    def passed(_: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        nonlocal largest
        tensors = [value for value in (*inputs, output) if isinstance(value, Tensor)]
        size = sum(4 * tensor.numel() for tensor in tensors)
        largest = max(largest, size)

    leaves = [module for module in network.modules() if not any(module.children())]
    handles = [leaf.register_forward_hook(passed) for leaf in leaves]
    try:
        network(pictures)
    finally:
        for handle in handles:
            handle.remove()
    return largest
