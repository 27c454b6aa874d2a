"""What of a network is trained, and how fast each part of it learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from bakeoff.models.classifier import Classifier
from bakeoff.spec.errors import SpecError

__all__ = ["Group", "Trained", "parameter_groups", "trainable"]

Trained = Literal["all", "head"] | int


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Trainable parameters with one factor on the learning rate."""

    name: str
    """The block's name, or `head`."""

    parameters: dict[str, nn.Parameter]
    """By their names in the classifier."""

    factor: float


def trainable(classifier: Classifier, train: Trained) -> None:
    """Make the head trainable and of the backbone `all`, nothing, or its last blocks; freeze the
    rest. What is frozen stays in inference mode, batch norms included, whatever `.train()` says.
    """
    classifier.head.requires_grad_(True)
    backbone = classifier.backbone
    if backbone is None:
        assert train == "all", train
        return
    count = len(backbone.blocks)
    if isinstance(train, int) and train > count:
        rule = f"must be at most {count}, the blocks of {backbone.declared.name}"
        raise SpecError("Stage.train", rule, train, "Write train='all' for all of them.")
    last = {"all": count, "head": 0}[train] if isinstance(train, str) else train
    frozen = {name for block in backbone.blocks[: count - last] for name in block.parameters}
    for name, parameter in backbone.model.named_parameters():
        parameter.requires_grad = name not in frozen
    backbone.settle_modes()


def parameter_groups(classifier: Classifier, decay: float = 1.0) -> tuple[Group, ...]:
    """Trainable parameters, the head first, then the backbone's blocks from output to input, each
    with `decay` times the rate of the one before."""
    groups = [_group("head", "head.", classifier.head, None, 1.0)]
    if classifier.backbone is not None:
        model = classifier.backbone.model
        for depth, block in enumerate(reversed(classifier.backbone.blocks), start=1):
            names = set(block.parameters)
            groups.append(_group(block.name, "backbone.model.", model, names, decay**depth))
    return tuple(group for group in groups if group.parameters)


def _group(
    name: str, prefix: str, module: nn.Module, names: set[str] | None, factor: float
) -> Group:
    parameters = {
        f"{prefix}{key}": parameter
        for key, parameter in module.named_parameters()
        if parameter.requires_grad and (names is None or key in names)
    }
    return Group(name=name, parameters=parameters, factor=factor)
