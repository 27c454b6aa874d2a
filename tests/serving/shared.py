"""A service that the tests of one module share: it is slower to start than to ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.champion import made
from tests.serving.within import Within, within

__all__ = ["PNG", "shared"]

PNG = made.encoded(made.picture(0, 1))
"""A picture that is all right."""


@contextmanager
def shared(**settings: Any) -> Iterator[Within]:
    """A service of a small champion."""
    with (
        TemporaryDirectory() as folder,
        within(made.with_graph(Path(folder) / "c"), **settings) as one,
    ):
        yield one
