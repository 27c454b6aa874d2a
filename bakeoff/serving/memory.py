"""Memory that is not needed any more, given back to the system."""

from __future__ import annotations

import ctypes
import gc
import os

__all__ = ["environment", "give_back", "trim"]


def environment() -> dict[str, str]:
    """What a worker finds set: few pools of memory. By itself, the C library keeps one for each
    thread, and what one has freed is of no use to the others."""
    return {"MALLOC_ARENA_MAX": str(max(2, (os.cpu_count() or 1) // 4))}


def give_back() -> None:
    """What opening a champion took and has freed, where nobody is kept waiting by it."""
    gc.collect()
    trim()


def trim() -> None:
    """What has been freed; the C library would keep it."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
