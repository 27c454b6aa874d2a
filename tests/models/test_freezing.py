"""Frozen means frozen, and blocks are counted from the output."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from bakeoff.models.backbones import create
from bakeoff.models.blocks import blocks
from bakeoff.models.classifier import Classifier, assemble
from bakeoff.models.counting import count
from bakeoff.models.freezing import parameter_groups, trainable
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import (
    Backbone,
    BatchNorm,
    Classes,
    Conv,
    Dense,
    GlobalPool,
    Head,
    Network,
)

PLAIN = Preprocess(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def classifier(name: str = "test_resnet", **fields: object) -> Classifier:
    """A small backbone with a head that has a batch norm of its own."""
    backbone = Backbone(name=name, weights="random", size=64, padding="own", **fields)  # type: ignore[arg-type]
    head = Head(rows=(Dense(width=8), BatchNorm(activation="relu"), Classes()))
    return assemble(Network(backbone=backbone, head=head), PLAIN, classes=3, seed=0)


def trained(made: Classifier, steps: int = 2) -> dict[str, Tensor]:
    """The state before some steps of training, in which the pictures are real noise."""
    before = deepcopy(made.state_dict())
    moved = [p for p in made.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(moved, lr=0.1, weight_decay=0.1)
    for _ in range(steps):
        made.train()
        pictures = torch.randint(0, 256, (6, 32, 32, 3), dtype=torch.uint8)
        loss = functional.cross_entropy(made(pictures), torch.arange(6) % 3)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return before


def changed(made: Classifier, before: dict[str, Tensor]) -> set[str]:
    """Names of what is not bitwise as it was."""
    return {key for key, value in made.state_dict().items() if not torch.equal(before[key], value)}


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet"])
def test_training_the_head_leaves_the_backbone_bitwise_as_it_was(name: str) -> None:
    """Neither weights nor statistics of a frozen backbone move, and all of the head's do."""
    made = classifier(name)
    trainable(made, "head")
    found = changed(made, trained(made))
    assert found == {key for key in made.state_dict() if key.startswith("head.")}


def test_the_last_blocks_are_trained_and_the_others_are_not() -> None:
    """Weights and statistics of the last two stages move; those before them stay bitwise."""
    made = classifier()
    trainable(made, 2)
    found = changed(made, trained(made))
    inside = {key.removeprefix("backbone.model.") for key in found if key.startswith("backbone.")}
    assert {key.split(".")[0] for key in inside} == {"layer3", "layer4"}
    assert "layer3.0.bn1.running_mean" in inside


def test_everything_is_trained() -> None:
    """`all` moves the stem too, and thaws what an earlier stage froze."""
    made = classifier()
    trainable(made, "head")
    trainable(made, "all")
    found = changed(made, trained(made))
    assert found == set(made.state_dict())


def test_frozen_parts_infer_whatever_is_asked() -> None:
    """`.train()` sets the trained part going and no other; `.eval()` stops all."""
    made = classifier()
    trainable(made, 1)
    made.train()
    assert made.backbone is not None
    model = made.backbone.model
    modes = {name: module.training for name, module in model.named_modules()}
    assert modes["layer4.0.bn1"]
    assert not modes["layer3.0.bn1"]
    assert not modes["bn1"]
    made.eval()
    assert not any(module.training for module in made.modules())


def test_a_copy_stays_frozen() -> None:
    """A copy, such as the one an average is kept in, has frozen parts of its own."""
    made = classifier()
    trainable(made, "head")
    copy = deepcopy(made)
    copy.train()
    assert copy.backbone is not None
    assert not any(module.training for module in copy.backbone.model.modules())


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("resnet18", "conv1 bn1", "layer4"),
        ("vgg16", "features.0 features.2", "features.24 features.26 features.28"),
        ("convnext_atto", "stem", "stages.3 head"),
        ("test_vit", "cls_token pos_embed patch_embed", "blocks.5 norm"),
        ("mobilenetv3_small_050", "conv_stem bn1", "conv_head"),
    ],
)
def test_blocks_from_input_to_output(name: str, first: str, last: str) -> None:
    """Blocks are a stem and stages, or a transformer's blocks; a norm at the end is no block."""
    with torch.device("meta"):
        found = blocks(create(Backbone(name=name, weights="random", padding="own")).model)
    assert [block.name for block in found] == [f"block {i + 1}" for i in range(len(found))]
    for block, starts in ((found[0], first.split()), (found[-1], last.split())):
        assert all(parameter.startswith(tuple(starts)) for parameter in block.parameters)
        assert all(any(p.startswith(start) for p in block.parameters) for start in starts)


@pytest.mark.parametrize(
    "name", ["inception_v3", "legacy_xception", "efficientnet_b0", "densenet121"]
)
def test_other_families_have_blocks_too(name: str) -> None:
    """Each parameter is in one block, and there are several."""
    with torch.device("meta"):
        model = create(Backbone(name=name, weights="random", padding="own", size=160)).model
    found = blocks(model)
    names = [name for block in found for name in block.parameters]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    assert len(found) >= 5


def test_the_last_block_of_vgg16_has_three_convolutions() -> None:
    """One block of VGG-16 and the head of C9 give the trainable total that was reported."""
    rows = (
        Conv(width=256), BatchNorm(), Conv(width=512), BatchNorm(), GlobalPool(),
        Dense(width=512), BatchNorm(), Dense(width=256), BatchNorm(), Classes(),
    )  # fmt: skip
    backbone = Backbone(name="vgg16", weights="random", size=224, padding="own", pool=False)
    network = Network(backbone=backbone, head=Head(rows=rows))
    with torch.device("meta"):
        made = assemble(network, PLAIN, classes=10, seed=0)
        trainable(made, 1)
    assert (count(made).keras, count(made).trained) == (17_477_450, 9_839_114)


def test_more_blocks_than_there_are() -> None:
    """The message says how many there are."""
    with pytest.raises(SpecError) as caught:
        trainable(classifier(), 6)
    assert str(caught.value) == (
        "Stage.train must be at most 5, the blocks of test_resnet, but is 6. Write train='all' for "
        "all of them."
    )


def test_rates_fall_from_output_to_input() -> None:
    """Each block learns at a share of the rate of the one above it, and nothing is left out."""
    made = classifier()
    trainable(made, "all")
    groups = parameter_groups(made, 0.5)
    assert [(group.name, group.factor) for group in groups] == [
        ("head", 1.0),
        ("block 5", 0.5),
        ("block 4", 0.25),
        ("block 3", 0.125),
        ("block 2", 0.0625),
        ("block 1", 0.03125),
    ]
    named = {name: p for group in groups for name, p in group.parameters.items()}
    assert named == dict(made.named_parameters())


def test_groups_hold_what_is_trained() -> None:
    """What is frozen is in no group."""
    made = classifier()
    trainable(made, 1)
    assert [group.name for group in parameter_groups(made)] == ["head", "block 5"]


def test_a_network_without_a_backbone_is_one_group() -> None:
    """There is nothing to freeze in it."""
    made = assemble(
        Network(rows=(Conv(width=4), GlobalPool(), Classes())), PLAIN, classes=3, seed=0
    )
    trainable(made, "all")
    assert [group.name for group in parameter_groups(made)] == ["head"]
