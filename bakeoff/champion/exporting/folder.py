"""Where an export is written: a folder that appears whole, or not at all."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bakeoff.champion import manifest
from bakeoff.data.cache import sync, writing
from bakeoff.spec.errors import DataError

__all__ = ["making"]


@contextmanager
def making(out: Path) -> Iterator[Path]:
    """A place beside `out` to write at. It gets its manifest and its name when the block ends well,
    and goes away when it does not."""
    with writing("the export", out, suggestion="Give another --out."):
        if out.exists():
            rule = "is there already, and an export is never written over"
            raise DataError(str(out), rule, suggestion="Remove it, or give another --out.")
        out.parent.mkdir(parents=True, exist_ok=True)
        made = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.making")
        try:
            made.mkdir()
            yield made
            manifest.write(made, needed=("export.json",))
            sync(made)
            made.rename(out)
        finally:
            shutil.rmtree(made, ignore_errors=True)
