"""What tests of training verbs share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bakeoff.training import device
from tests.cli.own import own


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In single precision on one thread, and torch's settings kept."""
    choose = device.choose

    def chosen(name: str | None = None, **rest: Any) -> device.Device:
        made = choose(name, precision="full", **rest)
        return replace(made, threads=1, keeps_memory=False)

    monkeypatch.setattr(device, "choose", chosen)
    threads = torch.get_num_threads()
    exact = torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(exact)


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """A recipe in a file of one's own, of two epochs."""
    return own(tmp_path, 2)
