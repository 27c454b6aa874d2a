"""Whole batches made worse on the device, as the world does it, each picture by its own chance.

The fifteen common corruptions at five severities (Hendrycks and Dietterich 2019), and what
becomes of pictures in other hands. docs/decisions/stress.md says where they differ.
"""

from __future__ import annotations

from bakeoff.data.corrupt.strains import (
    CORRUPTIONS,
    HANDLING,
    STRAINS,
    Strain,
    strained,
)

__all__ = ["CORRUPTIONS", "HANDLING", "STRAINS", "Strain", "strained"]
