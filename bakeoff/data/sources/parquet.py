"""Parquet by pyarrow, an optional part of Bakeoff."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bakeoff.spec.errors import DataError, MissingExtraError

__all__ = ["parquet_reader"]


@contextmanager
def parquet_reader(what: str | Path) -> Iterator[Any]:
    """`pyarrow.parquet`, whose complaints about `what` become ours."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(f"Parquet file {what}", "parquet") from error
    try:
        yield pyarrow.parquet
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        # Arrow calls damage an OSError too; with a number it is the disk that speaks.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        rule = f"cannot be read as Parquet: {error}"
        raise DataError(f"file {what}", rule, suggestion="Fetch or write it again.") from error
