"""Muon's steps against the singular value decomposition and a plain loop."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bakeoff.training.muon import MuonSteps, orthogonal

PUBLISHED = (3.4445, -4.775, 2.0315)


def test_singular_values_come_near_one() -> None:
    """Five iterations bring all that are not tiny into the band of the published polynomial, and
    leave the singular vectors as they are; wide, tall and square alike."""
    for shape in ((3, 16, 40), (2, 40, 16), (2, 24, 24)):
        matrices = torch.randn(shape) + torch.eye(*shape[1:]) * 12
        got = orthogonal(matrices, iterations=5, coefficients=PUBLISHED, dtype=torch.float32)
        assert got.shape == matrices.shape
        values = torch.linalg.svdvals(got)
        assert values.min() > 0.6
        assert values.max() < 1.3
        left, _, right = torch.linalg.svd(matrices, full_matrices=False)
        turned = left.mT @ got @ right.mT
        rest = turned - torch.diag_embed(torch.diagonal(turned, dim1=1, dim2=2))
        assert rest.abs().max() < 1e-3


def test_coefficients_that_converge_give_the_polar_factor() -> None:
    """With the classical Newton–Schulz coefficients the result is exactly orthogonal."""
    matrices = torch.randn(2, 8, 20)
    got = orthogonal(matrices, iterations=40, coefficients=(1.5, -0.5, 0.0), dtype=torch.float32)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    torch.testing.assert_close(got, left @ right, atol=1e-4, rtol=0)


def test_scale_does_not_matter_and_zero_stays() -> None:
    """A gradient a million times smaller gives the same step; none gives none, and no NaN."""
    matrices = torch.randn(1, 8, 8)
    options = {"iterations": 3, "coefficients": PUBLISHED, "dtype": torch.float32}
    one = orthogonal(matrices, **options)  # type: ignore[arg-type]
    other = orthogonal(matrices * 2**-10, **options)  # type: ignore[arg-type]
    torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)
    assert orthogonal(torch.zeros(1, 8, 8), **options).abs().max() == 0  # type: ignore[arg-type]


def plain(parameter: Tensor, gradients: list[Tensor], rate: float, renormalise: bool) -> Tensor:
    """The published rule, one matrix at a time, in fp64."""
    weight, held = parameter.double(), torch.zeros_like(parameter).double()
    for gradient in gradients:
        held = 0.6 * held + gradient.double()
        ahead = gradient.double() + 0.6 * held
        x = ahead.reshape(len(ahead), -1)
        x = x / (x.norm() + 1e-7)
        x = x.T if x.shape[0] > x.shape[1] else x
        for _ in range(3):
            a = x @ x.T
            x = PUBLISHED[0] * x + (PUBLISHED[1] * a + PUBLISHED[2] * a @ a) @ x
        x = x.T if len(ahead) > ahead[0].numel() else x
        if renormalise:
            weight = weight * len(weight) ** 0.5 / weight.norm()
        weight = weight - rate * x.reshape(weight.shape)
    return weight


@pytest.mark.parametrize("renormalise", [False, True])
def test_as_the_plain_loop(renormalise: bool) -> None:
    """Batched over equal shapes it is what it would be one by one: filters in either layout,
    matrices, tall and wide ones."""
    shapes = [(8, 4, 3, 3), (8, 4, 3, 3), (16, 1, 1, 1), (40, 3, 3, 3), (6, 10), (10, 6)]
    parameters = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    parameters[1].data = parameters[1].data.to(memory_format=torch.channels_last)
    gradients = [[torch.randn(shape) for shape in shapes] for _ in range(3)]
    wanted = [
        plain(p.detach(), [g[i] for g in gradients], 0.1, renormalise)
        for i, p in enumerate(parameters)
    ]
    muon = MuonSteps(
        [{"params": parameters, "lr": 0.1}],
        momentum=0.6,
        iterations=3,
        coefficients=PUBLISHED,
        renormalise=renormalise,
        dtype=torch.float32,
    )
    for step in gradients:
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = gradient.contiguous(memory_format=torch.preserve_format)
        muon.step()
    for parameter, value in zip(parameters, wanted, strict=True):
        torch.testing.assert_close(parameter.detach().double(), value, atol=2e-4, rtol=1e-3)
    assert parameters[1].is_contiguous(memory_format=torch.channels_last)


def test_renormalised_filters_have_a_norm_of_one_each() -> None:
    """A layer's norm is the root of its filters' number before each step."""
    parameter = nn.Parameter(torch.randn(9, 3, 3, 3) * 7)
    parameter.grad = torch.zeros_like(parameter)
    muon = MuonSteps(
        [{"params": [parameter], "lr": 0.1}],
        momentum=0.6,
        iterations=3,
        coefficients=PUBLISHED,
        renormalise=True,
        dtype=torch.float32,
    )
    muon.step()
    assert float(parameter.detach().norm()) == pytest.approx(3.0, rel=1e-5)


def test_bf16_is_near_fp32() -> None:
    """Products in bf16 turn the step by little."""
    matrices = torch.randn(2, 32, 64)
    exact = orthogonal(matrices, iterations=3, coefficients=PUBLISHED, dtype=torch.float32)
    rough = orthogonal(matrices, iterations=3, coefficients=PUBLISHED, dtype=torch.bfloat16)
    assert rough.dtype == torch.bfloat16
    assert float((rough.float() - exact).norm() / exact.norm()) < 0.02


def test_without_a_gradient_nothing_moves() -> None:
    """A parameter that no loss reached is left alone, and has no state."""
    still, moved = nn.Parameter(torch.randn(4, 4)), nn.Parameter(torch.randn(4, 4))
    before = still.detach().clone()
    moved.grad = torch.randn(4, 4)
    muon = MuonSteps(
        [{"params": [still, moved], "lr": 0.1}],
        momentum=0.6,
        iterations=3,
        coefficients=PUBLISHED,
        renormalise=False,
        dtype=torch.float32,
    )
    muon.step()
    assert torch.equal(still, before)
    assert list(muon.state) == [moved]
