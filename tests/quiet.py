"""Torch as tests have it: one thread, the same random numbers, its settings put back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

__all__ = ["quiet_torch"]


@pytest.fixture(autouse=True)
def quiet_torch() -> Iterator[None]:
    """For each test of a module or a folder that imports this."""
    threads = torch.get_num_threads()
    exact = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(exact, warn_only=warn_only)
