"""Whether a contender is at fault for the error that ended its run, and what its row says."""

from __future__ import annotations

import errno

from bakeoff.spec.errors import CacheError, CheckpointError, UserError

__all__ = ["in_words", "is_its_own"]


def is_its_own(error: BaseException) -> bool:
    """Whether the contender is at fault, rather than the machine or the person at it."""
    if not isinstance(error, Exception) or isinstance(error, CacheError | CheckpointError):
        return False
    return not (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))


def in_words(error: BaseException) -> str:
    """What a row says of it."""
    if isinstance(error, UserError):
        return str(error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
