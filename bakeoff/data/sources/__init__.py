"""Where labelled pictures come from: whatever a user types, turned into one listing."""

from __future__ import annotations

from bakeoff.data.sources.naming import read_class_names
from bakeoff.data.sources.resolve import find, names

__all__ = ["find", "names", "read_class_names"]
