"""One stage at work: its steps, its pieces, its state."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bakeoff.models.classifier import assemble
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.network import BatchNorm, Classes, Dense, GlobalPool, Network, Whiten
from bakeoff.spec.training import SGD, Stage
from bakeoff.training.device import Device
from bakeoff.training.leg import Leg, is_out_of_memory
from bakeoff.training.team import Team
from tests.training.jobs import DEVICE, TINY, backbone, material, small, stage

PREPROCESS = Preprocess(size=8, mean=(0.3, 0.3, 0.3), std=(0.4, 0.4, 0.4))


def leg(
    only: Stage,
    network: Network | None = None,
    *,
    augment: Augment | None = None,
    on_features: bool = False,
    device: Device = DEVICE,
) -> Leg:
    """A stage of its own, on the digits."""
    classifier = assemble(network or small(), PREPROCESS, classes=3, seed=1)
    source = material().training(
        batch=only.batch, augment=augment or Augment(), seed=2, device=DEVICE.place
    )
    return Leg(classifier, only, source, device=device, team=Team(), on_features=on_features)


def weights(made: Leg) -> dict[str, Tensor]:
    """A copy of them."""
    return {name: held.clone() for name, held in made.classifier.state_dict().items()}


def test_a_step_moves_by_the_mean_gradient_of_its_pictures() -> None:
    """One step of plain SGD is the rate times the gradient of the mean loss."""
    made = leg(stage(optimiser=SGD(rate=0.5, momentum=0, nesterov=False, weight_decay=0)))
    before = weights(made)
    batch = next(made.source.epoch(0))
    scores = made.forward(batch.images)
    loss = torch.nn.functional.cross_entropy(scores, batch.targets)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {n: p.grad for n, p in made.classifier.named_parameters() if p.grad is not None}
    summed, pictures = made.step(0.1)
    assert pictures == 16
    assert float(summed) == pytest.approx(16 * float(loss.detach()), rel=1e-5)
    for name, gradient in gradients.items():
        moved = before[name] - 0.05 * gradient
        torch.testing.assert_close(made.classifier.state_dict()[name], moved)


@pytest.mark.parametrize("micro", [2, 3, 5, 8, 15])
@pytest.mark.parametrize("change", [Augment(), Augment(mixup=0.5)])
def test_pieces_add_up(micro: int, change: Augment) -> None:
    """However small the pieces are, the step is the same but for rounding, and no piece holds a
    single picture, which a batch norm of a vector would refuse."""
    whole, pieces = (leg(stage(batch=15), augment=change) for _ in range(2))
    pieces.micro = micro
    sizes: list[int] = []
    forward = pieces.forward

    def watched(images: Tensor) -> Tensor:
        sizes.append(len(images))
        return forward(images)

    pieces.forward = watched  # type: ignore[method-assign]
    for _ in range(2):
        assert float(whole.step(1)[0]) == pytest.approx(float(pieces.step(1)[0]), rel=1e-5)
    assert sum(sizes) == 30
    assert 2 <= min(sizes) <= max(sizes) <= max(3, micro)
    for name, held in weights(whole).items():
        torch.testing.assert_close(weights(pieces)[name], held, rtol=1e-4, atol=1e-6)


def test_epochs_follow_each_other() -> None:
    """A stage goes through one epoch after another, and can begin within any."""
    made = leg(stage())
    expected = [b.indices.tolist() for epoch in range(2) for b in made.source.epoch(epoch)]
    assert [made._next().indices.tolist() for made.done in range(6)] == expected
    made.close()
    made.done = 4
    assert made._next().indices.tolist() == expected[4]


def test_the_mean_loss_is_asked_for_now_and_then() -> None:
    """It is over the pictures since it was last asked for, and travels with the state."""
    made = leg(stage(optimiser=SGD(rate=1e-9)))
    first, second = (float(made.step(1)[0]) for _ in range(2))
    again = leg(stage(optimiser=SGD(rate=1e-9)))
    again.load({kind: dict(held) for kind, held in made.tensors().items()}, made.scalars())
    assert made.take_loss() == again.take_loss() == pytest.approx((first + second) / 32)
    third = float(made.step(1)[0])
    assert made.take_loss() == pytest.approx(third / 16)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_broken_weights_are_seen(broken: float) -> None:
    """A weight that is not a number is found, wherever it is."""
    made = leg(stage(), Network(rows=TINY))
    assert made.is_finite
    made.classifier.state_dict()["head.batchnorm4.running_var"][3] = broken
    assert not made.is_finite


def test_what_moves() -> None:
    """All but what is frozen: by the stage, or as it is fed with features."""
    everything = leg(stage(), backbone())
    assert everything.moving == set(everything.classifier.state_dict())
    only = leg(stage(train="head"), backbone(), on_features=True)
    assert only.moving == {"head.classes2.weight", "head.classes2.bias"}
    some = leg(stage(train=1), backbone())
    assert only.moving < some.moving < everything.moving


def test_the_head_runs_alone_on_features() -> None:
    """Given features, the backbone is left out."""
    made = leg(stage(train="head"), backbone(), on_features=True)
    made.classifier.eval()
    images = next(made.source.epoch(0)).images
    features = made.classifier.features(images)
    assert torch.equal(made.forward(features), made.classifier(images))


def test_smaller_pictures_in_training_alone() -> None:
    """A stage with a size trains on pictures of that size, smoothed as they shrink, and is judged
    on whole ones; a network that enlarges its pictures gets them straight at the stage's size."""
    for network, side, full in ((small(), 4, 8), (backbone(), 24, 32)):
        made = leg(stage(size=side), network)
        seen: list[Tensor] = []
        inner = made.classifier.backbone or made.classifier.head
        inner.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0]))
        made.step(1)
        made.classifier.eval()
        images = next(made.source.epoch(0)).images
        made.forward(images)
        assert [one.shape[2:] for one in seen] == [(side, side), (full, full)]
    made = leg(stage(size=4))
    checked = torch.zeros(2, 8, 8, 3, dtype=torch.uint8)
    checked[:, ::2, ::2] = checked[:, 1::2, 1::2] = 200
    shrunk = made.classifier.normalised(checked, 4)
    grey = made.classifier.normalised(torch.full((2, 4, 4, 3), 100, dtype=torch.uint8), 4)
    torch.testing.assert_close(shrunk, grey, atol=0.05, rtol=0)


def test_a_whitening_comes_to_rest() -> None:
    """From the share of training that is declared on its bias stays, to the bit, and no gradient
    is worked out for it; before, and where nothing is declared, it moves."""
    for learns, moves in ((0.5, [True, False, True]), (1.0, [True, True, True])):
        made = leg(stage(clip=1.0), Network(rows=(Whiten(learns=learns), *TINY[1:])))
        name = "head.whiten1.bias"
        bias = dict(made.classifier.named_parameters())[name]
        moved = []
        for place in (0.4, 0.5, 0.4):
            before = bias.detach().clone()
            made.reach(place)
            made.step(1)
            moved.append(not torch.equal(bias, before))
            assert (bias.grad is not None) == moved[-1]
        assert moved == moves


def test_classes_that_weigh_more() -> None:
    """Weights of the classes are those of the loss."""
    made, plain = leg(stage()), leg(stage())
    made._weights = torch.tensor([0.0, 1.0, 0.0])
    batch = next(made.source.epoch(0))
    scores = plain.forward(batch.images)
    one = torch.nn.functional.cross_entropy(
        scores[batch.targets == 1], batch.targets[batch.targets == 1], reduction="sum"
    )
    assert float(made.step(1)[0]) == pytest.approx(float(one.detach()), rel=1e-4)


def test_half_precision_is_the_devices() -> None:
    """Products are made in the device's numbers, weights stay whole."""
    made = leg(stage(), device=replace(DEVICE, dtype=torch.bfloat16))
    assert made.forward(next(made.source.epoch(0)).images).dtype == torch.bfloat16
    made.step(1)
    assert {held.dtype for held in weights(made).values()} == {torch.float32}


def test_too_many_blocks() -> None:
    """A stage that wants more blocks than there are is refused."""
    with pytest.raises(SpecError, match=r"Stage.train must be at most \d+, the blocks of"):
        leg(stage(train=40), backbone())


def test_shrinking_ends_at_two() -> None:
    """A piece of two pictures is the smallest there is."""
    made = leg(stage(batch=13))
    assert [(made.shrink(), made.micro) for _ in range(4)] == [
        (True, 7),
        (True, 4),
        (True, 2),
        (False, 2),
    ]


def test_memory_errors_are_known() -> None:
    """CUDA's error and the CPU allocator's words; no other."""
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("CUDA error: device-side assert"))
    assert not is_out_of_memory(ValueError("can't allocate memory"))


def test_the_cpu_says_so_itself() -> None:
    """What torch says today, when a tensor fits nowhere, is what is looked for."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)


def test_dense_heads_learn_from_pieces() -> None:
    """A vector's batch norm meets every piece of a step."""
    rows = (GlobalPool(), Dense(width=4), BatchNorm(), Classes())
    made = leg(stage(batch=7), Network(rows=rows))
    made.micro = 2
    assert torch.isfinite(made.step(1)[0])
