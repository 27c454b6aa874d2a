"""Memory that is not needed any more, given back to the system."""

from __future__ import annotations

import ctypes
import gc

__all__ = ["ENVIRONMENT", "give_back"]

ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}
"""What a worker finds set. By itself, the C library keeps a pool for each thread, and what one has
freed is of no use to the others."""


def give_back() -> None:
    """What opening a champion took and has freed; the C library would keep it."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
