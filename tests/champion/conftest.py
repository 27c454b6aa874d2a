"""What tests of champions share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.champion import made


@pytest.fixture
def champion(tmp_path: Path) -> Path:
    """A champion of one's own, without a graph: opened by torch."""
    return made.plain(tmp_path / "champion")


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A champion of one's own, with a graph."""
    pytest.importorskip("onnxruntime")
    return made.with_graph(tmp_path / "champion")
