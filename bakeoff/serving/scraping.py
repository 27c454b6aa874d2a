"""Metrics as text, of one process or of all workers together.

Workers of one service write their metrics into files of one folder. It is emptied when the service
starts; what a dead worker counted is joined to one file, so that counts never fall and the folder
does not grow with every restart.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["CONTENT_TYPE", "ENVIRONMENT", "collected", "exposition", "forget", "prepare"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
ENVIRONMENT = "PROMETHEUS_MULTIPROC_DIR"
"""What a worker must find set to the folder before it imports prometheus_client."""

_DEAD = "dead"


def prepare(folder: Path) -> dict[str, str]:
    """Make the folder of a service that starts; returns what its workers need in their
    environment."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(folder):
        for left in folder.glob("*.db"):
            left.unlink()
    return {ENVIRONMENT: str(folder)}


def forget(folder: Path, pid: int) -> None:
    """A worker has ended: what it counted stays, what it was is gone."""
    with _locked(folder):
        for gauge in folder.glob(f"gauge_*_{pid}.db"):
            gauge.unlink()
        for kind in ("counter", "histogram"):
            file = folder / f"{kind}_{pid}.db"
            if file.exists():
                _join(file, folder / f"{kind}_{_DEAD}.db")
                file.unlink()


def exposition(source: CollectorRegistry | Path) -> bytes:
    """All metrics in Prometheus's text format: of a registry, or of a folder of workers."""
    if isinstance(source, CollectorRegistry):
        return generate_latest(source)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(source))  # type: ignore[no-untyped-call]
    with _locked(source):
        return generate_latest(registry)


def collected(source: CollectorRegistry | Path) -> list[Metric]:
    """The same for our own use."""
    if isinstance(source, CollectorRegistry):
        return list(source.collect())
    registry = CollectorRegistry()
    collector = MultiProcessCollector(registry, path=str(source))  # type: ignore[no-untyped-call]
    with _locked(source):
        return list(collector.collect())  # type: ignore[no-untyped-call]


def _join(file: Path, into: Path) -> None:
    joined = MmapedDict(str(into))  # type: ignore[no-untyped-call]
    try:
        for key, value, time, _ in _values(file):
            held, _ = joined.read_value(key)  # type: ignore[no-untyped-call]
            joined.write_value(key, held + value, time)  # type: ignore[no-untyped-call]
    finally:
        joined.close()  # type: ignore[no-untyped-call]


def _values(file: Path) -> Iterator[tuple[str, float, float, int]]:
    # A worker that was killed in the middle of making the file leaves nothing to be read.
    if os.path.getsize(file) < 8:  # noqa: PTH202
        return
    yield from MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]


def _locked(folder: Path) -> FileLock:
    return FileLock(folder / ".lock", timeout=5)
