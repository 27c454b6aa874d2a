"""How often a JPEG's decoder has to pass over the picture, read from its parts."""

from __future__ import annotations

import re

__all__ = ["scans"]

_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
"""In a JPEG: where a part begins that is no data of a scan."""

_SCAN, _END = b"\xda", b"\xd9"
_PARTS = 10_000
"""That stand between scans, at most."""


def scans(content: bytes, most: int) -> int:
    """How many a JPEG has; no more than one above `most` are counted."""
    at, count = 2, 0
    for _ in range(_PARTS):
        found = _MARKER.search(content, at)
        if found is None or found[1] == _END:
            return count
        count += found[1] == _SCAN
        if count > most:
            return count
        # Parts say how long they are, and may hold anything: also what looks like a scan, or like
        # the end.
        at = found.end() + int.from_bytes(content[found.end() : found.end() + 2], "big")
    return most + 1
