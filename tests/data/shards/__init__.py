"""Shards: written, read, damaged."""

PICTURE = 8 * 8 * 3
"""Bytes of a digit."""
