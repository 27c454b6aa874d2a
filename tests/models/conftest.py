"""What the tests of models share."""

from __future__ import annotations

from tests.quiet import quiet_torch

__all__ = ["quiet_torch"]
