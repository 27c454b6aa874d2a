"""Muon: the step of a filter bank or matrix is its momentum, made orthogonal.

Legend: n matrices of one shape, r rows (filters) × c columns (their taps), r ≤ c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["MuonSteps", "orthogonal"]

Coefficients = tuple[float, float, float]


def orthogonal(
    matrices: Tensor, *, iterations: int, coefficients: Coefficients, dtype: torch.dtype
) -> Tensor:
    """`matrices` (n×r×c) with all singular values brought near 1, by Newton–Schulz, in `dtype`."""
    # Along the short side the products are smallest.
    tall = matrices.shape[1] > matrices.shape[2]
    held = matrices.mT if tall else matrices
    norms = torch.linalg.vector_norm(held, dim=(1, 2), keepdim=True)
    held = (held / (norms + 1e-7)).to(dtype)
    linear, cubic, quintic = coefficients
    for _ in range(iterations):
        square = held @ held.mT
        polynomial = torch.baddbmm(square, square, square, beta=cubic, alpha=quintic)
        held = torch.baddbmm(held, polynomial, held, beta=linear)
    return held.mT if tall else held


class MuonSteps:
    """Muon for filters (4 dimensions) and matrices (2), with the face of a torch optimiser."""

    def __init__(
        self,
        groups: Sequence[dict[str, Any]],
        *,
        momentum: float,
        iterations: int,
        coefficients: Coefficients,
        renormalise: bool,
        dtype: torch.dtype,
    ) -> None:
        self.param_groups = list(groups)
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        self._momentum = momentum
        self._iterations = iterations
        self._coefficients = coefficients
        self._renormalise = renormalise
        self._dtype = dtype

    @torch.no_grad()
    def step(self) -> None:
        """Move all parameters that have a gradient."""
        for group in self.param_groups:
            for alike in _by_shape(group["params"]):
                self._move(alike, group["lr"])

    def _move(self, parameters: list[Tensor], rate: float) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        for parameter in parameters:
            if parameter not in self.state:
                self.state[parameter] = {"momentum": torch.zeros_like(parameter)}
        held = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_mul_(held, self._momentum)
        torch._foreach_add_(held, gradients)
        # Nesterov: the gradient, and the momentum it has just entered, once more.
        ahead = torch._foreach_add(gradients, held, alpha=self._momentum)
        steps = orthogonal(
            torch.stack([_matrix(step) for step in ahead]),
            iterations=self._iterations,
            coefficients=self._coefficients,
            dtype=self._dtype,
        ).to(parameters[0].dtype)
        if self._renormalise:
            for parameter in parameters:
                # One per filter: the deviation then stays put however far the filters turn.
                parameter.mul_(len(parameter) ** 0.5 / torch.linalg.vector_norm(parameter))
        moves = [_like(step, p) for step, p in zip(steps, parameters, strict=True)]
        torch._foreach_add_(parameters, moves, alpha=-rate)


def _by_shape(parameters: Sequence[Tensor]) -> list[list[Tensor]]:
    """Those with a gradient, in lists of one shape, in the order of each shape's first."""
    found: dict[tuple[int, ...], list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            found.setdefault(tuple(parameter.shape), []).append(parameter)
    return list(found.values())


def _matrix(filters: Tensor) -> Tensor:
    """Filters as rows. Taps in the order they lie in memory, channels last: no order of the
    columns makes the step more or less orthogonal, and this one needs no copy."""
    return filters.permute(0, 2, 3, 1).flatten(1) if filters.ndim == 4 else filters


def _like(matrix: Tensor, parameter: Tensor) -> Tensor:
    if parameter.ndim != 4:
        return matrix
    filters, channels, height, width = parameter.shape
    return matrix.view(filters, height, width, channels).permute(0, 3, 1, 2)
