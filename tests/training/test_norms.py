"""Batch norms over a team: alone they are torch's own. How they share is in
test_engine_together."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.training.norms import Joint
from bakeoff.training.team import Team

NORMS: dict[str, Callable[[], nn.Module]] = {
    "maps": lambda: nn.BatchNorm2d(5, momentum=0.3, eps=1e-3),
    "cumulative": lambda: nn.BatchNorm2d(5, momentum=None),
    "plain": lambda: nn.BatchNorm2d(5, affine=False, track_running_stats=False),
    "vectors": lambda: nn.BatchNorm1d(5),
}


def trained(norm: nn.Module, batch: Tensor, *, joint: bool) -> list[Tensor]:
    """What two passes give, with all gradients and statistics."""
    images = batch.clone().requires_grad_()
    for _ in range(2):
        if joint:
            with Joint(Team()):
                found = norm(images)
        else:
            found = norm(images)
        judged = (found * torch.linspace(-1, 2, found.numel()).view_as(found)).sum()
        judged.backward()
    assert images.grad is not None
    grads = [parameter.grad for parameter in norm.parameters() if parameter.grad is not None]
    held = [buffer.float() for buffer in norm.buffers()]
    return [found.detach(), images.grad, *grads, *held]


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("last", [True, False], ids=["channels-last", "plain"])
def test_alone_it_is_torchs(kind: str, last: bool) -> None:
    """Results, gradients and running statistics are those of torch's batch norm."""
    torch.manual_seed(0)
    batch = torch.randn(6, 5, 4, 3) * 3 + 20
    batch = batch.contiguous(memory_format=torch.channels_last) if last else batch
    if kind == "vectors":
        batch = batch[:, :, 0, 0]
    made = [trained(NORMS[kind](), batch, joint=joint) for joint in (True, False)]
    assert len(made[0]) == len(made[1])
    for found, wanted in zip(*made, strict=True):
        torch.testing.assert_close(found, wanted, atol=2e-4, rtol=1e-4)
    assert made[0][0].is_contiguous(memory_format=torch.channels_last) or not last or batch.ndim < 4


def test_in_bf16() -> None:
    """Maps keep their type; statistics are taken in fp32."""
    norm = nn.BatchNorm2d(5)
    batch = (torch.randn(6, 5, 4, 3) + 100).bfloat16()
    with Joint(Team()):
        found = norm(batch)
    assert found.dtype == torch.bfloat16
    assert norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, batch.float().mean((0, 2, 3)) * 0.1)


def test_only_what_trains_is_replaced() -> None:
    """A norm at rest, and everything else, goes on as it was."""
    norm = nn.BatchNorm2d(5).eval()
    batch = torch.randn(2, 5, 3, 3)
    with Joint(Team()):
        assert torch.equal(norm(batch), batch / (1 + 1e-5) ** 0.5)
        assert torch.equal(functional.relu(batch), batch.clamp(min=0))


def test_one_number_per_channel() -> None:
    """A process may have a single picture where the others have more."""
    norm = nn.BatchNorm1d(5)
    with pytest.raises(ValueError, match="more than 1 value"):
        norm(torch.zeros(1, 5))
    with Joint(Team()):
        assert norm(torch.ones(1, 5)).tolist() == [[0.0] * 5]
