"""A service in processes of its own, as a person starts it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Running", "running"]

ROOT = Path(__file__).parent.parent.parent

_PATIENCE = 120.0
"""Seconds for anything to happen: a machine may be busy."""


@dataclass(kw_only=True, eq=False)
class Running:
    """A service that answers."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    said: dict[str, Any] = field(default_factory=dict)
    """What it said when it was ready."""

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def predict(self, content: bytes, query: str = "", **headers: str) -> Answer:
        """A picture, as it is."""
        given = {"content-type": "image/png", **headers}
        return self.ask("POST", f"/predict{query}", content, given)

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Lines of the log."""
        text = self.log.read_text()
        # What is being written at this moment is no line yet.
        whole = text.rpartition("\n")[0].splitlines()
        try:
            lines = [json.loads(line) for line in whole if line]
        except ValueError:
            raise AssertionError(f"something else than its log: {text}") from None
        return [line for line in lines if kind is None or line["kind"] == kind]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """The line of the log that says that something happened."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            found = [line for line in self.events() if line.get("event") == event]
            if len(found) >= count:
                return found[count - 1]
            assert self.process.poll() is None or event == "ending", self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"no {event!r} within {_PATIENCE:g} s: {self.log.read_text()}")

    def workers(self) -> list[int]:
        """Processes of the service's workers."""
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if "serving.worker" in line]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, and wait until it has."""
        self.process.send_signal(number)
        return self.process.wait(_PATIENCE)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, if it is JSON."""
        return json.loads(self.body)


@contextmanager
def running(champion: Path | None, folder: Path, *options: str) -> Iterator[Running]:
    """`bakeoff serve` on a free port; ended with the block. `folder` takes its log."""
    log = folder / f"service-{time.monotonic_ns()}.log"
    given = [] if champion is None else [str(champion)]
    words = ["serve", *given, "--port", "0", "--log", "json", *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bakeoff", *words],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
    found = Running(process=process, port=0, log=log)
    try:
        found.said = found.wait_for("ready")
        found.port = found.said["port"]
        yield found
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
