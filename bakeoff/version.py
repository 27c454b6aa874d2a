"""Which version this is, and where it lies: for modules that the package itself may import."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ROOT", "__version__"]

__version__ = "0.1.0"

ROOT = Path(__file__).parent
"""The package's folder."""
