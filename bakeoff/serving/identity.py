"""Ids of requests: 24 hexadecimal digits, the first eight of which say when it was made.

So an id that somebody names is known to be old, or nobody's, without a look at what other processes
are about to write.
"""

from __future__ import annotations

import os
import re
import time

__all__ = ["is_fresh", "new"]

_FORM = re.compile(r"[0-9a-f]{24}")
_EARLIER = re.compile(r"[0-9a-f]{16}")
"""Of versions that had no time in it: one of theirs may answer beside this one."""

_FRESH = 60.0
"""Seconds for a request to be answered and written, and for clocks to differ."""


def new() -> str:
    """An id that no other request has."""
    return f"{int(time.time()) & 0xFFFFFFFF:08x}{os.urandom(8).hex()}"


def is_fresh(identity: str) -> bool:
    """Whether a request of this id, of whatever process, may be just about to be written down."""
    if _EARLIER.fullmatch(identity):
        return True
    if not _FORM.fullmatch(identity):
        return False
    return abs(time.time() - int(identity[:8], 16)) <= _FRESH
