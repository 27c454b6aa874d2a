"""What a service says of itself: a line for each event, as JSON or for people.

Lines go through a thread of their own, and are dropped and counted where nobody reads them: a log
that is stuck must not hold up an answer.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

__all__ = ["Log"]

_MOST = 10_000
"""Lines that wait to be written, at most."""

_TOGETHER = 0.05
"""Seconds for which lines are collected before they are written."""


class Log:
    """Lines to standard error, or to another stream."""

    def __init__(self, form: str, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._form = form
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._lines: queue.Queue[tuple[str, float, Mapping[str, Any]] | None] = queue.Queue(_MOST)
        self.dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def write(self, kind: str, **facts: Any) -> None:
        """Say that something happened. Never waits."""
        if self._quiet and facts.get("level", "info") == "info":
            return
        try:
            self._lines.put_nowait((kind, time.time(), facts))
        except queue.Full:
            self.dropped += 1

    def close(self, seconds: float = 1.0) -> None:
        """Write what is there, if it can be."""
        try:
            self._lines.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def adopt(self) -> None:
        """Let what libraries and other parts log come here, from warnings on."""
        root = logging.getLogger()
        root.handlers[:] = [_Handler(self)]
        root.setLevel(logging.WARNING)
        # Of what clients send wrong they warn, line by line; it is in the log as it is answered.
        for name in ("python_multipart", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.ERROR)

    def _write_all(self) -> None:
        ended = False
        while not ended:
            lines = [self._lines.get()]
            # Many at a time: each write wakes this thread, which takes more than the line does.
            time.sleep(_TOGETHER)
            while not self._lines.empty():
                lines.append(self._lines.get())
            ended = None in lines
            told = [line for line in lines if line is not None]
            try:
                self._stream.write("".join(self._told(*line) + "\n" for line in told))
                self._stream.flush()
            except (OSError, ValueError):
                self.dropped += len(told)

    def _told(self, kind: str, when: float, facts: Mapping[str, Any]) -> str:
        return (_json if self._form == "json" else _text)(kind, when, facts)


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        more = {}
        if record.exc_info:
            more["trace"] = logging.Formatter().formatException(record.exc_info)
        self._log.write(
            "log",
            level=record.levelname.lower(),
            logger=record.name,
            message=record.getMessage(),
            **more,
        )


def _json(kind: str, when: float, facts: Mapping[str, Any]) -> str:
    time_ = datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds")
    said = {"time": time_, "kind": kind, "level": facts.get("level", "info"), **facts}
    return json.dumps(said, ensure_ascii=False, default=str)


def _text(kind: str, when: float, facts: Mapping[str, Any]) -> str:
    clock = datetime.fromtimestamp(when).astimezone().strftime("%H:%M:%S")
    told = [f"{name}={_short(value)}" for name, value in facts.items() if _is_worth(name, value)]
    return " ".join((clock, kind, *told))


def _is_worth(name: str, value: object) -> bool:
    return value is not None and (name != "level" or value != "info")


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
